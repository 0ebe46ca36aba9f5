// The C++ library's processor count, and a stream's first line of meminfo before and after seekg(0).
#include <fstream>
#include <iostream>
#include <string>
#include <thread>

int main()
{
    std::cout << std::thread::hardware_concurrency() << '\n';
    std::ifstream meminfo("/proc/meminfo");
    std::string line;
    std::getline(meminfo, line);
    std::cout << line << '\n';
    meminfo.seekg(0);
    std::getline(meminfo, line);
    std::cout << line << '\n';
}

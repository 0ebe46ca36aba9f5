// The C++ library's processor count, and the first line of meminfo in a stream, before and after seekg(0).
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

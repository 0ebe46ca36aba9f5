/* Prints a line and ends without flushing: into a pipe, it is lost unless the stream was made line-buffered. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    puts("a whole line");
    _exit(0);
}

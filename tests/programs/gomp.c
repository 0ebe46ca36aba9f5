/* How many processors libgomp counts: threads, then processors. */
#include <omp.h>
#include <stdio.h>

int main(void)
{
    printf("%d %d\n", omp_get_max_threads(), omp_get_num_procs());
    return 0;
}

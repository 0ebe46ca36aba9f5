/* A definition behind ours that a resolver chooses. The resolver must be told what glibc would tell it. */
#include <sys/auxv.h>
#include <sys/ifunc.h>
#include <unistd.h>

/* More CPUs than any machine has, if the resolver was told. */
static long of_the_told(int name) { return name == _SC_NPROCESSORS_CONF ? 4242 : 4096; }
static long of_the_untold(int name) { return name == _SC_NPROCESSORS_CONF ? 1 : 4096; }

static long (*resolve(unsigned long first, const __ifunc_arg_t *more))(int)
{
    unsigned long hwcap = first & ~_IFUNC_ARG_HWCAP;
    int told = (first & _IFUNC_ARG_HWCAP) && (hwcap & HWCAP_FP) && (hwcap & HWCAP_ASIMD) &&
               more->_size >= 3 * sizeof(unsigned long) && more->_hwcap == hwcap;
    return told ? of_the_told : of_the_untold;
}

long sysconf(int name) __attribute__((ifunc("resolve")));

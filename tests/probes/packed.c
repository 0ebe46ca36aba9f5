/* A loader like those of packers and Wine's preloader: maps a C library's loader and a program, unmaps its own image,
 * and continues at the loader's entry with the auxiliary vector that it got itself, changed to describe the program.
 * Static, without a libc.
 *   packed LOADER PROGRAM ARGUMENT... */
#include <elf.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>

extern char __executable_start[], _end[];

static long raw(long number, long a, long b, long c, long d, long e, long f) {
    long result;
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static void check(long result) {
    if (result < 0 && result > -4096) raw(SYS_exit_group, 120, 0, 0, 0, 0, 0);
}

static long map(long at, unsigned long bytes, int prot, int flags, int fd, long offset) {
    long result = raw(SYS_mmap, at, bytes, prot, MAP_PRIVATE | flags, fd, offset);
    check(result);
    return result;
}

struct image { unsigned long base, headers, count, entry; };
enum { PAGE = 4096 };
static char head[PAGE];

/* Maps a position-independent object. */
static struct image mapped(const char *path) {
    int fd = (int)raw(SYS_open, (long)path, O_RDONLY, 0, 0, 0, 0);
    check(fd);
    check(raw(SYS_pread64, fd, (long)head, sizeof head, 0, 0, 0));
    const Elf64_Ehdr *elf = (const Elf64_Ehdr *)head;
    const Elf64_Phdr *headers = (const Elf64_Phdr *)(head + elf->e_phoff);
    unsigned long end = 0;
    for (int i = 0; i < elf->e_phnum; i++)
        if (headers[i].p_type == PT_LOAD) end = headers[i].p_vaddr + headers[i].p_memsz;
    unsigned long base = map(0, end + PAGE, PROT_NONE, MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < elf->e_phnum; i++) {
        const Elf64_Phdr *part = &headers[i];
        if (part->p_type != PT_LOAD) continue;
        unsigned long skip = part->p_vaddr % PAGE, start = base + part->p_vaddr - skip;
        unsigned long file_end = base + part->p_vaddr + part->p_filesz, memory_end = base + part->p_vaddr + part->p_memsz;
        unsigned long mapped_end = (file_end + PAGE - 1) / PAGE * PAGE;
        int prot = (part->p_flags & PF_R ? PROT_READ : 0) | (part->p_flags & PF_W ? PROT_WRITE : 0) | (part->p_flags & PF_X ? PROT_EXEC : 0);
        map(start, file_end - start, prot, MAP_FIXED, fd, part->p_offset - skip);
        if (memory_end == file_end) continue;
        if (memory_end > mapped_end) map(mapped_end, memory_end - mapped_end, prot, MAP_FIXED | MAP_ANONYMOUS, -1, 0);
        for (volatile char *at = (char *)file_end; (unsigned long)at < mapped_end && (prot & PROT_WRITE); at++) *at = 0;
    }
    raw(SYS_close, fd, 0, 0, 0, 0, 0);
    return (struct image){base, base + elf->e_phoff, elf->e_phnum, base + elf->e_entry};
}

/* The last step, run from its own page: munmap, the stack as the kernel left it, the loader. */
static const unsigned char LAST[] = {0x0f, 0x05, 0x48, 0x89, 0xdc, 0x41, 0xff, 0xe4}; /* syscall; mov rsp, rbx; jmp r12 */

__attribute__((used)) static void start(long *stack) {
    long count = stack[0];
    char **arguments = (char **)(stack + 1);
    if (count < 3) raw(SYS_exit_group, 121, 0, 0, 0, 0, 0);
    struct image loader = mapped(arguments[1]), program = mapped(arguments[2]);
    char **at = arguments + count + 1;
    while (*at) at++;
    for (Elf64_auxv_t *entry = (Elf64_auxv_t *)(at + 1); entry->a_type != AT_NULL; entry++) {
        if (entry->a_type == AT_PHDR) entry->a_un.a_val = program.headers;
        if (entry->a_type == AT_PHNUM) entry->a_un.a_val = program.count;
        if (entry->a_type == AT_ENTRY) entry->a_un.a_val = program.entry;
        if (entry->a_type == AT_BASE) entry->a_un.a_val = loader.base;
    }
    stack += 2;
    stack[0] = count - 2;
    char *page = (char *)map(0, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < sizeof LAST; i++) ((volatile char *)page)[i] = (char)LAST[i];
    unsigned long from = (unsigned long)__executable_start / PAGE * PAGE;
    register long r12 __asm__("r12") = (long)loader.entry;
    __asm__ volatile("mov %1, %%rbx\n\tjmp *%0" ::"r"(page), "r"(stack), "r"(r12), "a"(SYS_munmap), "D"(from),
                     "S"((unsigned long)_end - from) : "rbx", "memory");
}

__asm__(".globl _start\n_start: xor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall start\n");

// SPDX-License-Identifier: MPL-2.0
// mmap and its relatives: placing, protecting, splitting, moving, growing, giving back.
#include "sys.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define PAGE 4096L
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

static sigjmp_buf back;
static void fault(int signal) {
    siglongjmp(back, signal);
}
static int touch_read(const volatile char *at) {
    int signal = sigsetjmp(back, 1);
    if (!signal)
        (void)*at;
    return signal;
}
static int touch_write(volatile char *at) {
    int signal = sigsetjmp(back, 1);
    if (!signal)
        *at = 1;
    return signal;
}
static char *map(size_t size, int prot) {
    return mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}
static bool all(const char *memory, size_t size, char value) {
    for (size_t i = 0; i < size; i++)
        if (memory[i] != value)
            return false;
    return true;
}

static void placing(void) {
    char *m = map(10 * PAGE, PROT_READ | PROT_WRITE);
    ok(m != MAP_FAILED && (uintptr_t)m % PAGE == 0, "mmap");
    ok(all(m, 10 * PAGE, 0), "zeros");
    memset(m, 'x', 10 * PAGE);
    is(munmap(m + 3 * PAGE, 2 * PAGE), 0, "unmap the middle");
    ok(touch_read(m + 3 * PAGE) == SIGSEGV && touch_read(m + 5 * PAGE - 1) == SIGSEGV, "is gone");
    ok(m[3 * PAGE - 1] == 'x' && m[5 * PAGE] == 'x', "both sides stay");
    char *fixed = mmap(m + 3 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    ok(fixed == m + 3 * PAGE && fixed[0] == 0, "MAP_FIXED");
    ok(mmap(m, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == m && m[0] == 0,
       "replaces what is there");
    ok(mmap(m + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED &&
           errno == EEXIST,
       "MAP_FIXED_NOREPLACE does not");
    is(munmap(m, 10 * PAGE), 0, "unmap all, holes included");
    is(munmap(m, 10 * PAGE), 0, "unmapping nothing is no error");
    char *hint = mmap(m, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ok(hint == m, "a free hint is taken");
#ifdef MAP_32BIT
    const int low_flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT;
    char *const wanted = (char *)0x50000000, *low = mmap(wanted, PAGE, PROT_READ, low_flags, -1, 0);
    ok(low == wanted, "with MAP_32BIT, too");
    char *elsewhere = mmap(wanted, PAGE, PROT_READ, low_flags, -1, 0);
    ok(elsewhere != wanted && (uintptr_t)elsewhere >= 0x40000000 && (uintptr_t)elsewhere < 0x80000000,
       "a taken one is not");
    char *high = mmap(hint + PAGE, PAGE, PROT_READ, low_flags, -1, 0);
    ok((uintptr_t)high >= 0x40000000 && (uintptr_t)high < 0x80000000, "nor one above 2 GiB");
    munmap(low, PAGE), munmap(elsewhere, PAGE), munmap(high, PAGE);
#endif
    char *other = mmap(m, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ok(other != MAP_FAILED && other != m, "a taken one is not");
    munmap(hint, PAGE), munmap(other, PAGE);
#define REFUSED(call, error, what) ok((call) == MAP_FAILED && errno == (error), what)
    REFUSED(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL, "a size of zero");
    REFUSED((void *)syscall(SYS_mmap, NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0), EINVAL,
            "neither shared nor private");
    REFUSED(mmap((void *)0x1001, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), EINVAL,
            "an odd fixed address");
    // The stack is close below the end of user space.
    size_t space = 1ul << (64 - __builtin_clzl((unsigned long)&hint));
    REFUSED(mmap((char *)space - PAGE, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), ENOMEM,
            "beyond user space");
    REFUSED((void *)syscall(SYS_mmap, NULL, space, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM, "too much");
    REFUSED(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 999, 0), EBADF, "no file");
    fails(munmap((void *)0x1001, PAGE), EINVAL, "unmap at an odd address");
    fails(munmap((void *)0x1000, 0), EINVAL, "unmap nothing");
    bool good = true;
    char *many[200];
    for (int i = 0; i < 200; i++) {
        good &= (many[i] = map(PAGE * (1 + i % 3), i % 2 ? PROT_READ : PROT_READ | PROT_WRITE)) != MAP_FAILED;
        if (i % 2 == 0)
            many[i][0] = (char)i;
    }
    for (int i = 0; i < 200; i += 2)
        good &= many[i][0] == (char)i;
    for (int i = 0; i < 200; i++)
        good &= munmap(many[i], PAGE * (1 + i % 3)) == 0;
    ok(good, "two hundred mappings");
}

static void protecting(void) {
    char *m = map(4 * PAGE, PROT_READ | PROT_WRITE);
    memset(m, 'p', 4 * PAGE);
    is(mprotect(m + PAGE, PAGE, PROT_READ), 0, "protect one page of four");
    ok(touch_write(m + PAGE) == SIGSEGV && touch_write(m) == 0 && touch_write(m + 2 * PAGE) == 0, "only that one");
    is(m[PAGE], 'p', "its contents stay");
    mprotect(m + PAGE, PAGE, PROT_NONE);
    is(touch_read(m + PAGE), SIGSEGV, "PROT_NONE");
    is(mprotect(m, 4 * PAGE, PROT_READ | PROT_WRITE), 0, "open all again");
    ok(touch_write(m + PAGE) == 0 && m[PAGE + 1] == 'p', "writable, with its contents");
    munmap(m + 2 * PAGE, PAGE);
    fails(mprotect(m, 4 * PAGE, PROT_READ), ENOMEM, "a hole in the range");
    fails(syscall(SYS_mprotect, m + 1, PAGE, PROT_READ), EINVAL, "an odd address");
    fails(mprotect(m, PAGE, 0x100), EINVAL, "an unknown protection");
    is(mprotect(m, 0, PROT_READ), 0, "nothing");
    munmap(m, 4 * PAGE);
    // Protection and fork: a read-only page stays shared, then becomes private when opened.
    m = map(PAGE, PROT_READ | PROT_WRITE);
    m[0] = 'f';
    exited(in_child({
               mprotect(m, PAGE, PROT_READ);
               mprotect(m, PAGE, PROT_READ | PROT_WRITE);
               m[0] = 'c';
           }),
           0, "a child changes protection and writes");
    is(m[0], 'f', "the parent does not see it");
    munmap(m, PAGE);
}

static void moving(void) {
    char *m = map(2 * PAGE, PROT_READ | PROT_WRITE);
    memset(m, 'm', 2 * PAGE);
    char *guard = mmap(m + 2 * PAGE, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    (void)guard;
    ok(mremap(m, 2 * PAGE, 4 * PAGE, 0) == MAP_FAILED && errno == ENOMEM, "no room to grow in place");
    char *n = mremap(m, 2 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
    ok(n != MAP_FAILED && all(n, 2 * PAGE, 'm') && all(n + 2 * PAGE, 6 * PAGE, 0),
       "it moves, keeps its contents, grows by zeros");
    if (n != m)
        is(touch_read(m), SIGSEGV, "the old place is gone");
    ok(mremap(n, 8 * PAGE, PAGE, 0) == n, "shrink");
    ok(n[0] == 'm' && touch_read(n + PAGE) == SIGSEGV, "the rest is gone");
    ok(mremap(n, PAGE, 3 * PAGE, 0) == n && n[PAGE] == 0, "grow in place where there is room");
    char *target = map(5 * PAGE, PROT_NONE);
    char *moved = mremap(n, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target + PAGE);
    ok(moved == target + PAGE && moved[0] == 'm', "to a given place");
    ok(mremap(moved, 3 * PAGE, 3 * PAGE, MREMAP_FIXED, target) == MAP_FAILED && errno == EINVAL, "which needs MAYMOVE");
    ok(mremap(moved, 3 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, moved + PAGE) == MAP_FAILED && errno == EINVAL,
       "and must not overlap");
    ok(mremap(moved + 1, PAGE, PAGE, 0) == MAP_FAILED && errno == EINVAL, "an odd address");
    ok(mremap(moved, PAGE, 0, 0) == MAP_FAILED && errno == EINVAL, "to nothing");
    // Shrinking takes away what the old range spans: it must end where user space does.
    static const size_t beyond[] = {0x7fff'0000'0000, 0xffff'0000'0000, 0xffff'0000'0000'0000, 0xffff'ffff'ffff'0000};
    for (size_t i = 0; i < COUNT(beyond); i++)
        exited(in_child(_exit(mremap(moved, beyond[i], PAGE, 0) != MAP_FAILED || errno != EINVAL)), 0,
               "from a range that ends beyond user space (%zx)", beyond[i]);
    munmap(target, 5 * PAGE);
    ok(mremap(target, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT, "from nothing");
    char *big = map(300 * PAGE, PROT_READ | PROT_WRITE);
    for (int i = 0; i < 300; i++)
        big[i * PAGE] = (char)i;
    big = mremap(big, 300 * PAGE, 600 * PAGE, MREMAP_MAYMOVE);
    bool good = big != MAP_FAILED;
    for (int i = 0; good && i < 300; i++)
        good = big[i * PAGE] == (char)i;
    ok(good, "300 pages move");
    munmap(big, 600 * PAGE);
}

static void sharing(void) {
    char *s = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *p = map(4 * PAGE, PROT_READ | PROT_WRITE);
    s[0] = p[0] = 'a';
    exited(in_child({
               s[0] = p[0] = 'b';
               s[PAGE] = p[PAGE] = 'c';
           }),
           0, "a child writes to shared and private memory");
    ok(s[0] == 'b' && s[PAGE] == 'c', "shared memory has it");
    ok(p[0] == 'a' && p[PAGE] == 0, "private memory has not");
    munmap(s, 4 * PAGE), munmap(p, 4 * PAGE);
}

static void advising(void) {
    char *m = map(8 * PAGE, PROT_READ | PROT_WRITE);
    memset(m, 'd', 8 * PAGE);
    is(madvise(m + PAGE, 2 * PAGE, MADV_DONTNEED), 0, "MADV_DONTNEED");
    ok(all(m + PAGE, 2 * PAGE, 0) && m[0] == 'd' && m[3 * PAGE] == 'd', "gives zeros again, only there");
    is(madvise(m, 8 * PAGE, MADV_WILLNEED), 0, "MADV_WILLNEED");
    is(madvise(m, 8 * PAGE, MADV_SEQUENTIAL), 0, "MADV_SEQUENTIAL");
    is(madvise(m, 8 * PAGE, MADV_FREE), 0, "MADV_FREE");
    m[0] = 'n';
    is(m[0], 'n', "a write after it stays");
    fails(madvise(m, PAGE, 999), EINVAL, "an unknown advice");
    fails(madvise(m + 1, PAGE, MADV_DONTNEED), EINVAL, "an odd address");
    munmap(m + 2 * PAGE, PAGE);
    fails(madvise(m, 8 * PAGE, MADV_DONTNEED), ENOMEM, "a hole");
    is(madvise(m, PAGE, MADV_DONTFORK), 0, "MADV_DONTFORK");
    m[0] = 'k';
    exited(in_child(signal(SIGSEGV, fault), _exit(touch_read(m) != SIGSEGV)), 0, "a child does not get it");
    is(madvise(m + PAGE, PAGE, 18), 0, "MADV_WIPEONFORK");
    m[PAGE] = 'w';
    exited(in_child(_exit(m[PAGE] != 0)), 0, "a child gets zeros");
    is(m[PAGE], 'w', "the parent keeps its own");
    munmap(m, 8 * PAGE);
    m = map(4 * PAGE, PROT_READ | PROT_WRITE);
    unsigned char in[4];
    m[PAGE] = 1;
    is(mincore(m, 4 * PAGE, in), 0, "mincore");
    ok(!(in[0] & 1) && in[1] & 1 && !(in[2] & 1), "knows which page is there");
    munmap(m, 4 * PAGE);
    fails(mincore(m, PAGE, in), ENOMEM, "nothing there");
    is(msync(map(PAGE, PROT_READ), PAGE, MS_SYNC), 0, "msync");
    fails(msync(m, PAGE, MS_SYNC | MS_ASYNC), EINVAL, "both kinds");
    fails(msync(m, PAGE, MS_SYNC), ENOMEM, "nothing there");
    m = map(2 * PAGE, PROT_READ | PROT_WRITE);
    is(mlock(m, 2 * PAGE), 0, "mlock");
    is(munlock(m, 2 * PAGE), 0, "munlock");
    is(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) == MAP_FAILED, 0, "MAP_POPULATE");
}

static void heap(void) {
    char *start = sbrk(0);
    ok((long)syscall(SYS_brk, start + 10 * PAGE) == (long)(start + 10 * PAGE), "brk grows");
    ok(all(start, 10 * PAGE, 0), "by zeros");
    memset(start, 'h', 10 * PAGE);
    syscall(SYS_brk, start + 5 * PAGE);
    is(touch_read(start + 6 * PAGE), SIGSEGV, "shrinks");
    syscall(SYS_brk, start + 10 * PAGE);
    ok(all(start + 5 * PAGE, 5 * PAGE, 0), "and grows by zeros again");
    ok((long)syscall(SYS_brk, start - (1L << 40)) == (long)(start + 10 * PAGE), "not below its beginning");
    ok((long)syscall(SYS_brk, 0x7fff'ffff'0000) == (long)(start + 10 * PAGE), "nor into other mappings");
    syscall(SYS_brk, start);
}

static void *volatile escaped;
static __attribute__((noinline)) int deep(int n) {
    volatile char page[PAGE];
    escaped = (void *)page; // so that it must be kept: no loop instead
    page[0] = (char)n;
    return n ? deep(n - 1) + page[0] - (char)n : 0;
}
static void stack(void) {
    exited(in_child(_exit(deep(1000))), 0, "the stack grows by 4 MiB");
    killed(in_child({
               setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
               setrlimit(RLIMIT_STACK, &(struct rlimit){8 << 20, 8 << 20});
               signal(SIGSEGV, SIG_DFL);
               _exit(deep(100'000));
           }),
           SIGSEGV, "up to its limit of 8 MiB");
}

int main(void) {
    on_signal(SIGSEGV, fault, 0);
    on_signal(SIGBUS, fault, 0);
    placing();
    protecting();
    moving();
    sharing();
    advising();
    heap();
    stack();
    return tap_done();
}

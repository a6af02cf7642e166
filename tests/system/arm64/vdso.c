// SPDX-License-Identifier: MPL-2.0
// ARM64: the vDSO is found as libc finds it, and its clocks are those of the system calls.
#include "sys.h"

#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/time.h>

static struct {
    const char *base;
    const Elf64_Sym *symbols;
    const char *names, *soname;
    const uint16_t *versions;
    const Elf64_Verdef *verdef;
    uint32_t count;
} vdso;

// Addresses in the image count from where it would be linked, which is 0 here and on Linux.
static void vdso_open(void) {
    vdso.base = (const char *)getauxval(AT_SYSINFO_EHDR);
    if (!vdso.base)
        return;
    const Elf64_Ehdr *header = (const void *)vdso.base;
    const Elf64_Phdr *table = (const void *)(vdso.base + header->e_phoff);
    size_t soname = 0;
    for (unsigned i = 0; i < header->e_phnum; i++) {
        if (table[i].p_type != PT_DYNAMIC)
            continue;
        for (const Elf64_Dyn *d = (const void *)(vdso.base + table[i].p_offset); d->d_tag != DT_NULL; d++) {
            const void *at = vdso.base + d->d_un.d_ptr;
            if (d->d_tag == DT_SYMTAB)
                vdso.symbols = at;
            else if (d->d_tag == DT_STRTAB)
                vdso.names = at;
            else if (d->d_tag == DT_HASH)
                vdso.count = ((const uint32_t *)at)[1];
            else if (d->d_tag == DT_VERSYM)
                vdso.versions = at;
            else if (d->d_tag == DT_VERDEF)
                vdso.verdef = at;
            else if (d->d_tag == DT_SONAME)
                soname = d->d_un.d_val;
        }
    }
    vdso.soname = vdso.names ? vdso.names + soname : NULL;
}

static const char *version_name(unsigned index) {
    for (const Elf64_Verdef *v = vdso.verdef; v; v = v->vd_next ? (const void *)((const char *)v + v->vd_next) : NULL) {
        const Elf64_Verdaux *name = (const void *)((const char *)v + v->vd_aux);
        if (v->vd_ndx == (index & 0x7fff))
            return vdso.names + name->vda_name;
    }
    return "";
}

static const void *lookup(const char *name) {
    for (uint32_t i = 0; i < vdso.count; i++)
        if (!strcmp(vdso.names + vdso.symbols[i].st_name, name) && vdso.symbols[i].st_shndx != SHN_UNDEF &&
            !strcmp(version_name(vdso.versions[i]), "LINUX_2.6.39"))
            return vdso.base + vdso.symbols[i].st_value;
    return NULL;
}

static int64_t ns(struct timespec t) {
    return t.tv_sec * 1'000'000'000ll + t.tv_nsec;
}

typedef int clock_function(int clock, struct timespec *to);
typedef int gettimeofday_function(struct timeval *to, struct timezone *zone);

static void clocks(void) {
    static const struct {
        int clock;
        const char *name;
    } all[] = {{CLOCK_REALTIME, "realtime"},          {CLOCK_MONOTONIC, "monotonic"},
               {CLOCK_MONOTONIC_RAW, "raw"},          {CLOCK_REALTIME_COARSE, "coarse realtime"},
               {CLOCK_MONOTONIC_COARSE, "coarse"},    {CLOCK_BOOTTIME, "since boot"},
               {CLOCK_PROCESS_CPUTIME_ID, "process"}, {CLOCK_TAI, "atomic time"}};
    clock_function *gettime = (clock_function *)lookup("__kernel_clock_gettime");
    clock_function *getres = (clock_function *)lookup("__kernel_clock_getres");
    if (!ok(gettime && getres, "it has __kernel_clock_gettime and __kernel_clock_getres"))
        return;
    for (unsigned i = 0; i < COUNT(all); i++) {
        struct timespec before, between, after;
        bool ordered = true;
        for (int round = 0; round < 200; round++) {
            syscall(SYS_clock_gettime, all[i].clock, &before);
            ordered &= gettime(all[i].clock, &between) == 0;
            syscall(SYS_clock_gettime, all[i].clock, &after);
            ordered &= ns(before) <= ns(between) && ns(between) <= ns(after) && between.tv_nsec < 1'000'000'000;
        }
        ok(ordered, "its clock (%s) is the system call's", all[i].name);
        syscall(SYS_clock_getres, all[i].clock, &before);
        ok(getres(all[i].clock, &after) == 0 && ns(before) == ns(after), "and the resolution");
    }
    is(gettime(77, &(struct timespec){}), -EINVAL, "an unknown clock");
    is(getres(77, &(struct timespec){}), -EINVAL, "has no resolution");
    is(getres(CLOCK_MONOTONIC, NULL), 0, "nobody need be told");
}

static void time_of_day(void) {
    gettimeofday_function *get = (gettimeofday_function *)lookup("__kernel_gettimeofday");
    if (!ok(get, "it has __kernel_gettimeofday"))
        return;
    struct timeval before, between, after;
    bool ordered = true;
    for (int round = 0; round < 200; round++) {
        syscall(SYS_gettimeofday, &before, NULL);
        ordered &= get(&between, NULL) == 0;
        syscall(SYS_gettimeofday, &after, NULL);
        ordered &= !timercmp(&between, &before, <) && !timercmp(&after, &between, <) && between.tv_usec < 1'000'000;
    }
    ok(ordered, "which is the system call's");
    struct timezone zone = {-1, -1}, same;
    syscall(SYS_gettimeofday, NULL, &same);
    ok(get(NULL, &zone) == 0 && zone.tz_minuteswest == same.tz_minuteswest && zone.tz_dsttime == same.tz_dsttime,
       "the time zone, too");
}

// The counter itself may be read by programs, and is the same on all CPUs.
static void counter(void) {
    uint64_t frequency, last = 0, now;
    bool forward = true;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
    ok(frequency >= 1'000'000, "the counter's frequency is known (%llu Hz)", (unsigned long long)frequency);
    for (int i = 0; i < 1000; i++) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET((unsigned)i % (unsigned)sysconf(_SC_NPROCESSORS_ONLN), &one);
        sched_setaffinity(0, sizeof one, &one);
        __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(now));
        forward &= now >= last;
        last = now;
    }
    ok(forward, "the counter goes forward from CPU to CPU");
}

int main(void) {
    vdso_open();
    if (!ok(vdso.base && vdso.symbols && vdso.count && vdso.versions && vdso.verdef, "there is a vDSO"))
        return tap_done();
    ok(!strcmp(vdso.soname, "linux-vdso.so.1"), "named linux-vdso.so.1");
    clocks();
    time_of_day();
    const uint32_t *sigreturn = lookup("__kernel_rt_sigreturn");
    ok(sigreturn && sigreturn[0] == 0xd280'1168 && sigreturn[1] == 0xd400'0001,
       "it has __kernel_rt_sigreturn, of the two instructions that unwinders know");
    counter();
    return tap_done();
}

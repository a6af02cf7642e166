// SPDX-License-Identifier: MPL-2.0
// ARM64: what a program learns of the CPU, by AT_HWCAP, by reading ID registers, and from /proc/cpuinfo, must agree.
#include "sys.h"

#include <setjmp.h>
#include <sys/auxv.h>
#include <sys/mman.h>

static sigjmp_buf out;
static void illegal(int signal) {
    siglongjmp(out, signal);
}
// The signal that the statement gets, or 0.
#define faults(...)                      \
    ({                                   \
        int signal_ = sigsetjmp(out, 1); \
        if (signal_ == 0) {              \
            __VA_ARGS__;                 \
        }                                \
        signal_;                         \
    })

#define READ(name)                                        \
    ({                                                    \
        uint64_t value_;                                  \
        __asm__ volatile("mrs %0, " name : "=r"(value_)); \
        value_;                                           \
    })
#define ISAR0 "S3_0_C0_C6_0"
#define ISAR1 "S3_0_C0_C6_1"
#define ISAR2 "S3_0_C0_C6_2"
#define PFR0 "S3_0_C0_C4_0"
#define PFR1 "S3_0_C0_C4_1"
#define MMFR0 "S3_0_C0_C7_0"
#define MMFR2 "S3_0_C0_C7_2"

static bool has_cap(unsigned bit) {
    return (bit < 32 ? getauxval(AT_HWCAP) >> bit : getauxval(AT_HWCAP2) >> (bit - 32)) & 1;
}

// A word of the "Features" line.
static bool listed(const char *features, const char *name) {
    size_t length = strlen(name);
    for (const char *at = features; (at = strstr(at, name)); at++)
        if (at[-1] == ' ' && (at[length] == ' ' || at[length] == '\n'))
            return true;
    return false;
}

static char *cpuinfo_line(const char *key) {
    static char line[1024];
    char *at = strstr(get_file("/proc/cpuinfo"), key);
    if (!at)
        return NULL;
    snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n") + 1, at);
    return line;
}

static void features(void) {
    const struct {
        const char *name;
        unsigned cap;
        uint64_t value;
        unsigned shift, least;
        bool is_signed;
    } all[] = {
        {"fp", 0, READ(PFR0), 16, 0, true},         {"asimd", 1, READ(PFR0), 20, 0, true},
        {"aes", 3, READ(ISAR0), 4, 1, false},       {"pmull", 4, READ(ISAR0), 4, 2, false},
        {"sha1", 5, READ(ISAR0), 8, 1, false},      {"sha2", 6, READ(ISAR0), 12, 1, false},
        {"crc32", 7, READ(ISAR0), 16, 1, false},    {"atomics", 8, READ(ISAR0), 20, 2, false},
        {"fphp", 9, READ(PFR0), 16, 1, true},       {"asimdrdm", 12, READ(ISAR0), 28, 1, false},
        {"jscvt", 13, READ(ISAR1), 12, 1, false},   {"lrcpc", 15, READ(ISAR1), 20, 1, false},
        {"dcpop", 16, READ(ISAR1), 0, 1, false},    {"sha3", 17, READ(ISAR0), 32, 1, false},
        {"asimddp", 20, READ(ISAR0), 44, 1, false}, {"sha512", 21, READ(ISAR0), 12, 2, false},
        {"dit", 24, READ(PFR0), 48, 1, false},      {"uscat", 25, READ(MMFR2), 32, 1, false},
        {"flagm", 27, READ(ISAR0), 52, 1, false},   {"ssbs", 28, READ(PFR1), 4, 2, false},
        {"sb", 29, READ(ISAR1), 36, 1, false},      {"flagm2", 39, READ(ISAR0), 52, 2, false},
        {"frint", 40, READ(ISAR1), 32, 1, false},   {"i8mm", 45, READ(ISAR1), 52, 1, false},
        {"bf16", 46, READ(ISAR1), 44, 1, false},    {"rng", 48, READ(ISAR0), 60, 1, false},
        {"bti", 49, READ(PFR1), 0, 1, false},       {"ecv", 51, READ(MMFR0), 60, 1, false},
    };
    char *words = cpuinfo_line("Features");
    if (!ok(words, "/proc/cpuinfo has a line of features"))
        return;
    for (unsigned i = 0; i < COUNT(all); i++) {
        int field = (int)(all[i].value >> all[i].shift & 15);
        if (all[i].is_signed && field > 7)
            field -= 16;
        bool cap = has_cap(all[i].cap);
        ok((field >= (int)all[i].least) == cap && listed(words, all[i].name) == cap,
           "%s: field, capability and word agree (%s)", all[i].name, cap ? "yes" : "no");
    }
    uint64_t isar1 = READ(ISAR1), isar2 = READ(ISAR2);
    bool address = (isar1 & 0xff0) || (isar2 & 0xf000), data = (isar1 & 0xff00'0000) || (isar2 & 0xf00);
    ok(address == has_cap(30) && address == listed(words, "paca"), "paca (%s)", address ? "yes" : "no");
    ok(data == has_cap(31) && data == listed(words, "pacg"), "pacg (%s)", data ? "yes" : "no");
    ok(has_cap(11) && listed(words, "cpuid"), "cpuid: so these registers may be read");
}

static void identity(void) {
    uint64_t midr = READ("MIDR_EL1");
    char want[64];
    is(READ("MPIDR_EL1"), 1u << 31, "MPIDR tells nothing");
    is(READ("REVIDR_EL1"), 0, "nor REVIDR");
    snprintf(want, sizeof want, "CPU implementer\t: 0x%02x\n", (unsigned)(midr >> 24));
    ok(same_text(cpuinfo_line("CPU implementer"), want), "MIDR and /proc/cpuinfo name the same maker");
    snprintf(want, sizeof want, "CPU part\t: 0x%03x\n", (unsigned)(midr >> 4 & 0xfff));
    ok(same_text(cpuinfo_line("CPU part"), want), "and part");
    snprintf(want, sizeof want, "CPU variant\t: 0x%x\n", (unsigned)(midr >> 20 & 15));
    ok(same_text(cpuinfo_line("CPU variant"), want), "and variant");
    snprintf(want, sizeof want, "CPU revision\t: %u\n", (unsigned)(midr & 15));
    ok(same_text(cpuinfo_line("CPU revision"), want), "and revision");
    ok(same_text(cpuinfo_line("CPU architecture"), "CPU architecture: 8\n"), "and the architecture");
    ok(cpuinfo_line("BogoMIPS\t: "), "and a number that means nothing");
    int processors = 0;
    for (char *at = get_file("/proc/cpuinfo"); (at = strstr(at, "processor\t: ")); at++)
        processors++;
    is(processors, sysconf(_SC_NPROCESSORS_ONLN), "for every CPU");
}

static void sanitised(void) {
    uint64_t pfr0 = READ(PFR0);
    is(pfr0 & 0xffff, 0x11, "of exception levels only EL0 and EL1 are shown, 64-bit only");
    is(pfr0 >> 32 & 15, has_cap(22), "SVE only if it is offered");
    is(READ(MMFR0) & 0x0fff'ffff'ffff'ffff, 0x111'ff00'0000, "nothing of memory management");
    is(READ("S3_0_C0_C5_0"), 6, "nothing of debug hardware");
    is(READ("S3_0_C0_C2_0"), 0, "nothing of 32-bit instructions");
    is(READ("S3_0_C0_C7_7"), 0, "a reserved one is zero");
    __asm__ volatile("mrs xzr, MIDR_EL1"); // must be no trouble
    is(faults(READ("S3_0_C0_C1_0")), SIGILL, "those that are not covered cannot be read");
    is(faults(READ("SCTLR_EL1")), SIGILL, "nor what is no ID register");
    is(faults(READ("CurrentEL")), SIGILL, "nor the exception level");
    is(faults(__asm__ volatile("msr TTBR0_EL1, %0" ::"r"(0ul))), SIGILL, "nothing can be written");
    is(faults(READ("CNTP_CTL_EL0")), SIGILL, "timers are the kernel's");
    is(faults(READ("PMCCNTR_EL0")), SIGILL, "performance counters too");
    if (has_cap(22))
        skip("this kernel offers SVE", "without SVE its instructions are illegal");
    else
        is(faults(__asm__ volatile(".inst 0x04bf5000" :: : "x0")), SIGILL,
           "SVE instructions are illegal"); // rdvl x0, #0
}

static void caches(void) {
    uint64_t ctr = READ("CTR_EL0"), zva = READ("DCZID_EL0");
    size_t line = 4ul << (ctr >> 16 & 15);
    ok(line >= 16 && line <= 2048, "CTR_EL0 tells the size of cache lines (%zu)", line);
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(page, 0x55, 4096);
    if (zva & 16) {
        skip("DC ZVA is off here", "DC ZVA zeroes a block");
    } else {
        size_t size = 4ul << (zva & 15);
        __asm__ volatile("dc zva, %0" ::"r"(page + size) : "memory");
        bool good = page[size - 1] == 0x55 && page[2 * size] == 0x55;
        for (size_t i = 0; i < size; i++)
            good &= page[size + i] == 0;
        ok(good, "DC ZVA zeroes a block of %zu bytes", size);
    }
    // Code that is written: mov w0, #7; ret.
    uint32_t code[] = {0x5280'00e0, 0xd65f'03c0};
    int fd = memfd_create("code", 0);
    write(fd, code, sizeof code);
    uint32_t *writable = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    int (*run)(void) = (int (*)(void))mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    is(run(), 7, "code from a file runs");
    bool good = true;
    for (uint32_t i = 0; i < 100; i++) {
        writable[0] = 0x5280'0000 | i << 5;
        __asm__ volatile("dc cvau, %0\n\tdsb ish\n\tic ivau, %1\n\tdsb ish\n\tisb" ::"r"(writable), "r"(run)
                         : "memory");
        good &= run() == (int)i;
    }
    ok(good, "what is written to it runs after cache maintenance, which a program may do");
}

static void hints(void) {
    is(faults(__asm__ volatile("wfe")), 0, "WFE ends");
    is(faults(__asm__ volatile("wfi")), 0, "WFI, too");
    is(faults(__asm__ volatile("yield\n\tsev\n\tsevl\n\twfe\n\tisb\n\tdsb sy\n\tdmb sy")), 0, "other hints");
}

int main(void) {
    on_signal(SIGILL, illegal, SA_NODEFER);
    features();
    identity();
    sanitised();
    caches();
    hints();
    return tap_done();
}

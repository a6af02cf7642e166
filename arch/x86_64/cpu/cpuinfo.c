// SPDX-License-Identifier: MPL-2.0
// /proc/cpuinfo as Linux prints it: programs look for words in "flags".
#include "cpu/cpu_priv.h"
#include "x86_64_priv.h"
#include <arch/cpu.h>
#include <arch/smp.h>
#include <lib/fmt.h>
#include <lib/string.h>

// Names by bit, as Linux has them; nullptr: not shown.
static const char *const leaf1_d[32] = {
    "fpu",  "vme",  "de",   "pse", "tsc",  "msr", "pae",   "mce", "cx8",     "apic",  nullptr,
    "sep",  "mtrr", "pge",  "mca", "cmov", "pat", "pse36", "pn",  "clflush", nullptr, "dts",
    "acpi", "mmx",  "fxsr", "sse", "sse2", "ss",  "ht",    "tm",  "ia64",    "pbe",
};
static const char *const leaf1_c[32] = {
    "pni",    "pclmulqdq",  "dtes64", "monitor", "ds_cpl",
    "vmx",    "smx",        "est",    "tm2",     "ssse3",
    "cid",    "sdbg",       "fma",    "cx16",    "xtpr",
    "pdcm",   nullptr,      "pcid",   "dca",     "sse4_1",
    "sse4_2", "x2apic",     "movbe",  "popcnt",  "tsc_deadline_timer",
    "aes",    "xsave",      nullptr,  "avx",     "f16c",
    "rdrand", "hypervisor",
};
static const char *const extended1_d[32] = {
    [11] = "syscall", [20] = "nx", [22] = "mmxext", [25] = "fxsr_opt", [26] = "pdpe1gb", [27] = "rdtscp", [29] = "lm",
};
static const char *const extended1_c[32] = {
    "lahf_lm", "cmp_legacy", "svm", "extapic", "cr8_legacy", "abm", "sse4a", "misalignsse", "3dnowprefetch", "osvw",
};
static const char *const leaf7_b[32] = {
    "fsgsbase", "tsc_adjust", "sgx",      "bmi1",     "hle",      "avx2",       nullptr,    "smep",
    "bmi2",     "erms",       "invpcid",  "rtm",      "cqm",      nullptr,      "mpx",      "rdt_a",
    "avx512f",  "avx512dq",   "rdseed",   "adx",      "smap",     "avx512ifma", nullptr,    "clflushopt",
    "clwb",     "intel_pt",   "avx512pf", "avx512er", "avx512cd", "sha_ni",     "avx512bw", "avx512vl",
};
static const char *const leaf7_c[32] = {
    nullptr, "avx512vbmi",   "umip",       nullptr,       nullptr,         "waitpkg", "avx512_vbmi2",     nullptr,
    "gfni",  "vaes",         "vpclmulqdq", "avx512_vnni", "avx512_bitalg", nullptr,   "avx512_vpopcntdq", nullptr,
    "la57",  [22] = "rdpid",
};
static const char *const xsave_a[32] = {"xsaveopt", "xsavec", "xgetbv1", "xsaves"};

struct text {
    char *to;
    size_t size, length;
};

static void add(struct text *text, const char *format, ...) PRINTF_LIKE(2, 3);
static void add(struct text *text, const char *format, ...) {
    size_t left = text->length < text->size ? text->size - text->length : 0;
    va_list args;
    va_start(args, format);
    text->length += (size_t)fmt_vsnprintf(left != 0 ? text->to + text->length : nullptr, left, format, args);
    va_end(args);
}

static void add_flags(struct text *text, uint32_t bits, const char *const names[32]) {
    for (unsigned bit = 0; bit < 32; bit++)
        if ((bits >> bit & 1) != 0 && names[bit] != nullptr)
            add(text, " %s", names[bit]);
}

static void add_all_flags(struct text *text) {
    struct cpuid_result one = cpuid(1, 0), extended = cpuid(0x80000001u, 0);
    struct cpuid_result seven = cpuid(0, 0).a >= 7 ? cpuid(7, 0) : (struct cpuid_result){};
    add(text, "flags\t\t:");
    add_flags(text, one.d, leaf1_d);
    add_flags(text, extended.d, extended1_d);
    if (x86_features.tsc_invariant)
        add(text, " constant_tsc nonstop_tsc");
    add_flags(text, one.c, leaf1_c);
    add_flags(text, extended.c, extended1_c);
    add_flags(text, seven.b, leaf7_b);
    add_flags(text, seven.c, leaf7_c);
    if (x86_features.xsave)
        add_flags(text, cpuid(0xd, 1).a, xsave_a);
    add(text, "\n");
}

// CPUID strings come as registers of four characters.
static void cpuid_text(char *to, const uint32_t *words, unsigned count) {
    memcpy(to, words, count * 4);
    to[count * 4] = '\0';
}

static void add_identity(struct text *text) {
    struct cpuid_result zero = cpuid(0, 0), one = cpuid(1, 0);
    char vendor[16], model_name[52] = "unknown";
    cpuid_text(vendor, (uint32_t[]){zero.b, zero.d, zero.c}, 3);
    if (cpuid(0x80000000u, 0).a >= 0x80000004u) {
        uint32_t words[12];
        for (unsigned i = 0; i < 3; i++) {
            struct cpuid_result r = cpuid(0x80000002u + i, 0);
            memcpy(words + 4 * i, &r, sizeof(r));
        }
        cpuid_text(model_name, words, 12);
    }
    unsigned family = one.a >> 8 & 15, model = one.a >> 4 & 15;
    if (family == 6 || family == 15)
        model |= (one.a >> 16 & 15) << 4;
    if (family == 15)
        family += one.a >> 20 & 255;
    const char *name = model_name;
    while (*name == ' ')
        name++;
    add(text, "vendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %s\nstepping\t: %u\n", vendor, family,
        model, name, one.a & 15);
}

int arch_cpu_describe(unsigned cpu, char *to, size_t size) {
    struct text text = {to, size, 0};
    uint64_t khz = x86_clock.frequency / 1000;
    uint32_t addresses = cpuid(0x80000008u, 0).a;
    add(&text, "processor\t: %u\n", cpu);
    add_identity(&text);
    add(&text, "cpu MHz\t\t: %u.%03u\n", (unsigned)(khz / 1000), (unsigned)(khz % 1000));
    add(&text,
        "physical id\t: 0\nsiblings\t: %u\ncore id\t\t: %u\ncpu cores\t: %u\napicid\t\t: %u\ninitial apicid\t: %u\n",
        arch_cpu_count(), cpu, arch_cpu_count(), cpu, cpu);
    add(&text, "fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: %u\nwp\t\t: yes\n", cpuid(0, 0).a);
    add_all_flags(&text);
    add(&text, "bugs\t\t:\nbogomips\t: %u.%02u\nclflush size\t: %u\ncache_alignment\t: 64\n", (unsigned)(khz / 500),
        (unsigned)(khz / 5 % 100), (cpuid(1, 0).b >> 8 & 255) * 8);
    add(&text, "address sizes\t: %u bits physical, %u bits virtual\npower management:\n\n", addresses & 255,
        addresses >> 8 & 255);
    return (int)text.length;
}

// SPDX-License-Identifier: MPL-2.0
// /proc/cpuinfo as Linux prints it: programs look for words in "Features" and for the numbers of maker and model.
#include "arm64_priv.h"
#include "cpu/idregs.h"
#include <arch/cpu.h>
#include <lib/fmt.h>

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

static void add_features(struct text *text) {
    const char *name;
    bool present;
    add(text, "Features\t:");
    for (unsigned i = 0; (name = hwcap_name(i, &present)); i++)
        if (present && *name)
            add(text, " %s", name);
    add(text, "\n");
}

int arch_cpu_describe(unsigned cpu, char *to, size_t size) {
    struct text text = {to, size, 0};
    uint32_t midr = idregs_midr(cpu);
    uint64_t khz = arm64_clock.frequency / 1000; // of the counter, as on Linux
    add(&text, "processor\t: %u\n", cpu);
    add(&text, "BogoMIPS\t: %u.%02u\n", (unsigned)(khz / 500), (unsigned)(khz / 5 % 100));
    add_features(&text);
    add(&text, "CPU implementer\t: 0x%02x\nCPU architecture: 8\n", midr >> 24);
    add(&text, "CPU variant\t: 0x%x\nCPU part\t: 0x%03x\nCPU revision\t: %u\n\n", midr >> 20 & 15, midr >> 4 & 0xfff,
        midr & 15);
    return (int)text.length;
}

// SPDX-License-Identifier: MPL-2.0
// The clock: the processor's time stamp, scaled. How fast it counts comes from the first of these that is there:
//
//   CPUID 0x15        the processor says so
//   CPUID 0x40000010  the hypervisor says so
//   local APIC timer  under QEMU and KVM, where it counts nanoseconds
//   HPET, ACPI PM timer, PIT: clocks of known frequency to measure against, for 1 ms
//
// The same measurement gives the frequency of the local APIC timer.

#include "boot/boot_priv.h"
#include "boot/port_io.h"
#include "x86_64_priv.h"
#include <arch/time.h>
#include <lib/assert.h>
#include <lib/log.h>
#include <lib/string.h>

#define NSEC_PER_SEC 1000000000ull
#define MEASURE_NSEC 1000000ull
#define SAMPLE_TRIES 16 // the first are slow: caches, an emulator's translation
#define PM_TIMER_FREQUENCY 3579545ull
#define PIT_FREQUENCY 1193182ull

struct x86_clock x86_clock;
uint64_t x86_apic_timer_frequency;

// A counter of known frequency.
struct reference {
    const char *name;
    uint64_t frequency;
    uint32_t mask; // of valid bits
    bool down;
    uint32_t (*read)(void);
};

static uint32_t pm_timer_read(void) {
    return inl((uint16_t)acpi.pm_timer.address);
}

// Channel 2 of the PIT, which needs no interrupt: counts down from 0xffff once the gate is open.
static void pit_start(void) {
    outb(0x61, (inb(0x61) & 0xfc) | 1);
    outb(0x43, 0xb0);
    outb(0x42, 0xff);
    outb(0x42, 0xff);
}

static uint32_t pit_read(void) {
    outb(0x43, 0x80);
    uint32_t low = inb(0x42);
    return low | (uint32_t)inb(0x42) << 8;
}

static bool hypervisor_is(const char *signature) {
    if (!x86_features.hypervisor)
        return false;
    struct cpuid leaf = cpuid_read(0x40000000, 0);
    uint32_t text[3] = {leaf.ebx, leaf.ecx, leaf.edx};
    return memcmp(text, signature, 12) == 0;
}

static bool apic_counts_nanoseconds(void) {
    return hypervisor_is("TCGTCGTCGTCG") || hypervisor_is("KVMKVMKVM\0\0\0");
}

static struct reference find_reference(void) {
    if (apic_counts_nanoseconds())
        return (struct reference){"apic", NSEC_PER_SEC, ~0u, true, apic_timer_count};
    uint64_t frequency = hpet_init();
    if (frequency != 0)
        return (struct reference){"hpet", frequency, ~0u, false, hpet_read};
    if (acpi.pm_timer.space == ACPI_SPACE_IO)
        return (struct reference){"acpi", PM_TIMER_FREQUENCY, 0xffffff, false, pm_timer_read};
    pit_start();
    return (struct reference){"pit", PIT_FREQUENCY, 0xffff, true, pit_read};
}

struct sample {
    uint64_t tsc;
    uint32_t reference;
    uint32_t apic;
};

// Reads the counters as near to one point in time as we can: the closest of a few tries.
static struct sample take_sample(const struct reference *reference) {
    struct sample best = {};
    uint64_t best_gap = UINT64_MAX;
    for (int i = 0; i < SAMPLE_TRIES; i++) {
        uint64_t before = tsc_read();
        uint32_t value = reference->read();
        uint64_t after = tsc_read();
        uint32_t apic_value = reference->read == apic_timer_count ? value : apic_timer_count();
        if (after - before < best_gap) {
            best_gap = after - before;
            best = (struct sample){before + best_gap / 2, value, apic_value};
        }
    }
    return best;
}

static uint32_t reference_elapsed(const struct reference *reference, uint32_t from, uint32_t to) {
    return (reference->down ? from - to : to - from) & reference->mask;
}

static void measure(void) {
    apic_timer_oneshot(~0u); // masked: it only counts down
    struct reference reference = find_reference();
    struct sample start = take_sample(&reference);
    uint64_t wanted = reference.frequency * MEASURE_NSEC / NSEC_PER_SEC;
    uint64_t spins = 0;
    while (reference_elapsed(&reference, start.reference, reference.read()) < wanted) {
        arch_cpu_relax();
        if (++spins > 100000000)
            panic("boot: no clock: the %s timer does not count", reference.name);
    }
    struct sample end = take_sample(&reference);
    apic_timer_oneshot(0);
    uint64_t elapsed = reference_elapsed(&reference, start.reference, end.reference);
    x86_clock.frequency = (end.tsc - start.tsc) * reference.frequency / elapsed;
    x86_apic_timer_frequency = (uint64_t)(start.apic - end.apic) * reference.frequency / elapsed;
    klog(LOG_INFO, "clock: %llu kHz, measured by %s", (unsigned long long)x86_clock.frequency / 1000, reference.name);
}

// The frequencies as processor or hypervisor state them. False: they don't.
static bool read_stated_frequency(void) {
    if (x86_features.hypervisor && cpuid_read(0x40000000, 0).eax >= 0x40000010) {
        struct cpuid timing = cpuid_read(0x40000010, 0);
        if (timing.eax != 0 && timing.ebx != 0) {
            x86_clock.frequency = timing.eax * 1000ull;
            x86_apic_timer_frequency = timing.ebx * 1000ull;
            return true;
        }
    }
    if (cpuid_read(0, 0).eax >= 0x15 && !x86_features.hypervisor) {
        struct cpuid ratio = cpuid_read(0x15, 0); // crystal * ebx / eax
        if (ratio.eax != 0 && ratio.ebx != 0 && ratio.ecx != 0) {
            x86_clock.frequency = (uint64_t)ratio.ecx * ratio.ebx / ratio.eax;
            x86_apic_timer_frequency = ratio.ecx;
            return true;
        }
    }
    return false;
}

void clock_init(void) {
    if (!read_stated_frequency())
        measure();
    if (x86_clock.frequency < 1000000)
        panic("boot: the time stamp counter does not count");
    // 64 bits are not enough for 1e9 << 32; a fraction of the frequency's last digits is lost in neither step.
    unsigned __int128 scaled = (unsigned __int128)NSEC_PER_SEC << X86_CLOCK_SHIFT;
    uint64_t quotient = 0;
    unsigned __int128 rest = 0;
    for (int i = 127; i >= 0; i--) { // long division: there is no library for 128 bits here
        rest = rest << 1 | (scaled >> i & 1);
        quotient <<= 1;
        if (rest >= x86_clock.frequency) {
            rest -= x86_clock.frequency;
            quotient |= 1;
        }
    }
    x86_clock.base = tsc_read();
    x86_clock.mult = quotient;
}

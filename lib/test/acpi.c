// SPDX-License-Identifier: MPL-2.0
// The ACPI parser, on tables made here: good ones, and the same with every kind of damage.

#include <lib/acpi.h>
#include <stdlib.h>
#include <tap.h>

enum { BASE = 0x1000, SIZE = 0x1000 }; // the part of "physical" memory that exists
enum {
    RSDP = 0x1010,
    XSDT = 0x1100,
    MADT = 0x1200,
    FADT = 0x1400,
    DSDT = 0x1600,
    HPET = 0x1800,
    MCFG = 0x1900,
    RSDT = 0x1a00,
    GTDT = 0x1b00,
    SPCR = 0x1c00,
    GIC = 0x1d00,     // ARM's MADT
    DEVICES = 0x1e00, // ARM's DSDT
};

static unsigned char *memory; // on the heap, so that the sanitizer knows its end

static const void *map(const struct acpi_memory *self, uint64_t start, size_t size) {
    if (start < BASE || start > BASE + SIZE || size > BASE + SIZE - start)
        return NULL;
    return memory + (start - BASE);
}
static const struct acpi_memory access_memory = {map};

static void put(unsigned at, uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; i++)
        memory[at - BASE + i] = (unsigned char)(value >> (8 * i));
}

static void checksum(unsigned at, unsigned size, unsigned where) {
    unsigned char sum = 0;
    memory[at - BASE + where] = 0;
    for (unsigned i = 0; i < size; i++)
        sum = (unsigned char)(sum + memory[at - BASE + i]);
    memory[at - BASE + where] = (unsigned char)-sum;
}

static void seal(unsigned at, const char *signature, unsigned size) {
    memcpy(memory + at - BASE, signature, 4);
    put(at + 4, size, 4);
    checksum(at, size, 9);
}

static void make_madt(void) {
    unsigned at = MADT + 44;
    put(MADT + 36, 0xfee00000, 4);
    for (unsigned cpu = 0; cpu < 3; cpu++, at += 8) { // the third is disabled
        put(at, 0, 1), put(at + 1, 8, 1), put(at + 2, cpu, 1), put(at + 3, cpu * 2, 1), put(at + 4, cpu < 2, 4);
    }
    put(at, 1, 1), put(at + 1, 12, 1), put(at + 2, 7, 1), put(at + 4, 0xfec00000, 4), put(at + 8, 0, 4), at += 12;
    put(at, 2, 1), put(at + 1, 10, 1), put(at + 3, 9, 1), put(at + 4, 20, 4), put(at + 8, 0xf, 2), at += 10;
    put(at, 77, 1), put(at + 1, 3, 1), at += 3; // unknown: skipped
    put(at, 9, 1), put(at + 1, 16, 1), put(at + 4, 0x1234, 4), put(at + 8, 1, 4), at += 16;
    seal(MADT, "APIC", at - MADT);
}

static void make_fadt(void) {
    put(FADT + 40, DSDT, 4);
    put(FADT + 48, 0xb2, 4), put(FADT + 52, 2, 1);
    put(FADT + 64, 0x604, 4);
    put(FADT + 76, 0x608, 4);
    put(FADT + 112, 1u << 10 | 1u << 8, 4);
    put(FADT + 116, 1, 1), put(FADT + 119, 1, 1), put(FADT + 120, 0xcf9, 8), put(FADT + 128, 15, 1);
    seal(FADT, "FACP", 244);
}

static void make_all(void) {
    memset(memory, 0, SIZE);
    make_madt();
    make_fadt();
    memcpy(memory + DSDT - BASE + 60, "\x08_S5_\x12\x06\x04\x0a\x05\x0a\x07\x00\x00", 14);
    seal(DSDT, "DSDT", 100);
    put(HPET + 40, 0, 1), put(HPET + 44, 0xfed00000, 8);
    seal(HPET, "HPET", 56);
    put(MCFG + 44, 0xb0000000, 8), put(MCFG + 54, 0, 1), put(MCFG + 55, 255, 1);
    seal(MCFG, "MCFG", 60);
    const unsigned tables[] = {MADT, FADT, HPET, MCFG};
    for (unsigned i = 0; i < 4; i++) {
        put(XSDT + 36 + 8 * i, tables[i], 8);
        put(RSDT + 36 + 4 * i, tables[i], 4);
    }
    seal(XSDT, "XSDT", 36 + 32);
    seal(RSDT, "RSDT", 36 + 16);
    memcpy(memory + RSDP - BASE, "RSD PTR ", 8);
    put(RSDP + 15, 2, 1), put(RSDP + 16, RSDT, 4), put(RSDP + 20, 36, 4), put(RSDP + 24, XSDT, 8);
    checksum(RSDP, 20, 8);
    checksum(RSDP, 36, 32);
}

static unsigned put_gicc(unsigned at, uint64_t mpidr, bool enabled, uint64_t redistributor) {
    put(at, 11, 1), put(at + 1, 80, 1), put(at + 12, enabled, 4), put(at + 32, 0x8010000, 8);
    put(at + 60, redistributor, 8), put(at + 68, mpidr, 8);
    return at + 80;
}

// The tables of an ARM machine in place of the PC's.
static void make_arm(void) {
    make_all();
    unsigned at = GIC + 44;
    put(at, 12, 1), put(at + 1, 24, 1), put(at + 8, 0x8000000, 8), put(at + 20, 3, 1), at += 24;
    at = put_gicc(at, 0x100, true, 0x80a0000);
    at = put_gicc(at, 0x101, false, 0);
    put(at, 14, 1), put(at + 1, 16, 1), put(at + 4, 0x80c0000, 8), put(at + 12, 0x20000, 4), at += 16;
    put(at, 14, 1), put(at + 1, 16, 1), put(at + 4, 0x90000000, 8), put(at + 12, 0x40000, 4), at += 16;
    seal(GIC, "APIC", at - GIC);
    put(FADT + 129, 3, 2);
    memcpy(memory + FADT - BASE + 10, "MAKER MACHINE ", 14);
    seal(FADT, "FACP", 244);
    put(GTDT + 64, 27, 4), put(GTDT + 68, 1, 4);
    seal(GTDT, "GTDT", 96);
    put(SPCR + 36, 3, 1), put(SPCR + 40, 0, 1), put(SPCR + 44, 0x9000000, 8), put(SPCR + 52, 8, 1),
        put(SPCR + 54, 33, 4);
    seal(SPCR, "SPCR", 80);
    const unsigned tables[] = {GIC, FADT, GTDT, SPCR};
    for (unsigned i = 0; i < 4; i++)
        put(XSDT + 36 + 8 * i, tables[i], 8);
    seal(XSDT, "XSDT", 36 + 32);
}

static struct acpi_info parse(void) {
    static struct acpi_info info;
    acpi_parse(&access_memory, RSDP, &info);
    return info;
}

static void check_all(const struct acpi_info *info, const char *how) {
    is(info->problems, 0, "%s: no problems", how);
    ok(info->have_madt && info->lapic_address == 0xfee00000, "%s: MADT", how);
    ok(info->cpu_count == 3 && info->cpus[0] == 0 && info->cpus[1] == 2 && info->cpus[2] == 0x1234, "%s: processors",
       how);
    ok(info->ioapic_count == 1 && info->ioapics[0].id == 7 && info->ioapics[0].address == 0xfec00000, "%s: I/O APIC",
       how);
    ok(info->override_count == 1 && info->overrides[0].isa_irq == 9 && info->overrides[0].gsi == 20 &&
           info->overrides[0].level && info->overrides[0].active_low,
       "%s: interrupt override", how);
    ok(info->have_fadt && info->pm1a_control.space == ACPI_SPACE_IO && info->pm1a_control.address == 0x604, "%s: PM1",
       how);
    ok(info->pm1b_control.address == 0 && info->pm_timer.address == 0x608 && info->pm_timer_32bit, "%s: PM timer", how);
    ok(info->reset.address == 0xcf9 && info->reset_value == 15 && info->reset.access_bytes == 1, "%s: reset", how);
    ok(info->have_s5 && info->s5_type_a == 5 && info->s5_type_b == 7, "%s: sleep type", how);
    ok(info->hpet_address == 0xfed00000, "%s: HPET", how);
    ok(info->ecam_address == 0xb0000000 && info->ecam_bus_end == 255, "%s: MCFG", how);
}

static void test_good(void) {
    make_all();
    struct acpi_info info = parse();
    check_all(&info, "XSDT");
    is(acpi_find_rsdp(&access_memory, BASE, BASE + SIZE), RSDP, "finds the RSDP");
    is(acpi_find_rsdp(&access_memory, RSDP + 16, BASE + SIZE), 0, "finds none behind it");
    put(XSDT + 9, 0xff, 1); // spoils the checksum: back to the RSDT
    info = parse();
    is(info.problems, ACPI_BAD_CHECKSUM, "a bad XSDT is noticed");
    info.problems = 0;
    check_all(&info, "RSDT");
}

static void test_bad(void) {
    make_all();
    put(RSDP, 'X', 1);
    is(parse().problems, ACPI_BAD_ROOT, "no RSDP");
    make_all();
    put(MADT + 100, 0xff, 1);
    struct acpi_info info = parse();
    ok(info.problems & ACPI_BAD_CHECKSUM && !info.have_madt && info.have_fadt, "only the damaged table is left out");
    make_all();
    put(MADT + 45, 0, 1); // an entry of length 0
    seal(MADT, "APIC", 100);
    info = parse();
    ok(info.problems & ACPI_BAD_LENGTH && info.cpu_count == 0, "an entry without length ends the table");
    make_all();
    put(FADT + 4, 0x7fffffff, 4);
    info = parse();
    ok(info.problems & ACPI_BAD_LENGTH && !info.have_fadt, "a table longer than memory is left out");
    make_all();
    put(XSDT + 36, UINT64_MAX - 3, 8);
    seal(XSDT, "XSDT", 68);
    ok(parse().problems & ACPI_BAD_LENGTH, "a table at the end of the address space is left out");
}

static void test_arm(void) {
    make_arm();
    struct acpi_info info = parse();
    is(info.problems, 0, "ARM: no problems");
    ok(info.mpidr_count == 1 && info.mpidrs[0] == 0x100, "ARM: only processors that are enabled");
    ok(info.gic_version == 3 && info.gic_distributor == 0x8000000 && info.gic_cpu == 0x8010000, "ARM: GIC");
    ok(info.gic_redistributor_count == 2 && info.gic_redistributors[0].address == 0x80a0000 &&
           info.gic_redistributors[0].size == 0x40000 && info.gic_redistributors[1].address == 0x90000000,
       "ARM: redistributors that touch are one");
    ok(info.psci && info.psci_hvc, "ARM: PSCI");
    is(memcmp(info.maker, "MAKER MACHINE ", 15), 0, "ARM: who made it");
    ok(info.virtual_timer == 27 && info.virtual_timer_edge, "ARM: timer");
    ok(info.console_pl011 && info.console.address == 0x9000000 && info.console_irq == 33, "ARM: console");
    put(GIC + 44 + 24 + 1, 40, 1); // cuts the first processor's entry in two
    put(GIC + 44 + 24 + 40, 0x2800, 2);
    seal(GIC, "APIC", 44 + 24 + 160 + 32);
    info = parse();
    ok(info.problems == ACPI_BAD_LENGTH && info.mpidr_count == 0 && info.gic_version == 3, "ARM: an entry too short");
    make_arm();
    put(GIC + 44 + 24 + 160 + 4, UINT64_MAX - 100, 8);
    seal(GIC, "APIC", 44 + 24 + 160 + 32);
    ok(parse().gic_redistributor_count == 2, "ARM: redistributors beyond all addresses are left out");
}

// Damage that keeps the checksums right, so that it gets past the first gate. Must not read astray (sanitizer), nor
// count more than there is room for.
static void test_random(void) {
    static const struct {
        unsigned at, size;
        const char *signature;
    } tables[] = {{MADT, 109, "APIC"}, {FADT, 244, "FACP"}, {DSDT, 100, "DSDT"}, {HPET, 56, "HPET"}, {MCFG, 60, "MCFG"},
                  {XSDT, 68, "XSDT"},  {GIC, 260, "APIC"},  {GTDT, 96, "GTDT"},  {SPCR, 80, "SPCR"}};
    const unsigned of_pc = 5, count = sizeof tables / sizeof tables[0];
    bool good = true;
    srand(2);
    for (int round = 0; round < 100000 && good; round++) {
        unsigned t = (unsigned)rand() % count, changes = 1 + (unsigned)rand() % 8;
        t > of_pc ? make_arm() : make_all();
        unsigned size = rand() % 4 ? tables[t].size : 36 + (unsigned)rand() % 300;
        for (unsigned i = 0; i < changes; i++)
            put(tables[t].at + 36 + (unsigned)rand() % (tables[t].size - 36), (uint64_t)rand(),
                1 + (unsigned)rand() % 4);
        seal(tables[t].at, tables[t].signature, size);
        struct acpi_info info = parse();
        good = info.mpidr_count <= ACPI_CPUS_MAX && info.gic_redistributor_count <= ACPI_REDISTRIBUTORS_MAX &&
               info.cpu_count <= ACPI_CPUS_MAX && info.ioapic_count <= ACPI_IOAPICS_MAX &&
               info.override_count <= ACPI_OVERRIDES_MAX;
    }
    ok(good, "damaged tables do no harm");
}

int main(void) {
    memory = malloc(SIZE);
    test_good();
    test_bad();
    test_arm();
    test_random();
    free(memory);
    return tap_done();
}

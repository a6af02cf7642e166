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
    RSDT = 0x1a00
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

// Damage that keeps the checksums right, so that it gets past the first gate. Must not read astray (sanitizer), nor
// count more than there is room for.
static void test_random(void) {
    static const struct {
        unsigned at, size;
        const char *signature;
    } tables[] = {{MADT, 109, "APIC"}, {FADT, 244, "FACP"}, {DSDT, 100, "DSDT"},
                  {HPET, 56, "HPET"},  {MCFG, 60, "MCFG"},  {XSDT, 68, "XSDT"}};
    bool good = true;
    srand(2);
    for (int round = 0; round < 100000 && good; round++) {
        make_all();
        unsigned t = (unsigned)rand() % 6, changes = 1 + (unsigned)rand() % 8;
        unsigned size = rand() % 4 ? tables[t].size : 36 + (unsigned)rand() % 300;
        for (unsigned i = 0; i < changes; i++)
            put(tables[t].at + 36 + (unsigned)rand() % (tables[t].size - 36), (uint64_t)rand(),
                1 + (unsigned)rand() % 4);
        seal(tables[t].at, tables[t].signature, size);
        struct acpi_info info = parse();
        good = info.cpu_count <= ACPI_CPUS_MAX && info.ioapic_count <= ACPI_IOAPICS_MAX &&
               info.override_count <= ACPI_OVERRIDES_MAX;
    }
    ok(good, "damaged tables do no harm");
}

int main(void) {
    memory = malloc(SIZE);
    test_good();
    test_bad();
    test_random();
    free(memory);
    return tap_done();
}

// SPDX-License-Identifier: MPL-2.0
// Fuzzes the ACPI parsers. The input is one table's body; the tables around it, and its checksum, are made here, so
// that it gets past the gates: the first byte chooses whether it is the MADT, the DSDT, or one of the others.
#include <lib/acpi_devices.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 36, RSDP = 0x1000, XSDT = 0x2000, FADT = 0x3000, TABLE = 0x10000 };

static uint8_t rsdp[36], xsdt[HEADER + 16], fadt[276];
static uint8_t *table;
static size_t table_size;

static void check(bool good) {
    if (!good)
        abort();
}

static const void *within(uint64_t base, const uint8_t *bytes, size_t size, uint64_t start, size_t wanted) {
    return start >= base && start - base <= size && wanted <= size - (start - base) ? bytes + (start - base) : NULL;
}

static const void *map(const struct acpi_memory *memory, uint64_t start, size_t size) {
    if (start >= TABLE)
        return within(TABLE, table, table_size, start, size);
    if (start >= FADT)
        return within(FADT, fadt, sizeof fadt, start, size);
    return start >= XSDT ? within(XSDT, xsdt, sizeof xsdt, start, size) : within(RSDP, rsdp, sizeof rsdp, start, size);
}

static void checksum(uint8_t *bytes, size_t size, size_t where) {
    uint8_t sum = 0;
    bytes[where] = 0;
    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + bytes[i]);
    bytes[where] = (uint8_t)-sum;
}

static void put(uint8_t *at, uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static void seal(uint8_t *bytes, const char *signature, size_t size) {
    memcpy(bytes, signature, 4);
    put(bytes + 4, size, 4);
    checksum(bytes, size, 9);
}

// The root names the FADT, which names the DSDT.
static void make_tables(const char *signature) {
    bool is_dsdt = strcmp(signature, "DSDT") == 0, is_fadt = strcmp(signature, "FACP") == 0;
    memcpy(rsdp, "RSD PTR ", 8);
    rsdp[15] = 2;
    put(rsdp + 24, XSDT, 8);
    checksum(rsdp, 20, 8);
    checksum(rsdp, 36, 32);
    put(fadt + 140, is_dsdt ? TABLE : 0, 8);
    seal(fadt, "FACP", sizeof fadt);
    put(xsdt + HEADER, is_fadt ? 0 : FADT, 8);
    put(xsdt + HEADER + 8, is_dsdt ? 0 : TABLE, 8);
    seal(xsdt, "XSDT", sizeof xsdt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const signatures[] = {"DSDT", "APIC", "DSDT", "FACP", "GTDT", "SPCR", "MCFG", "HPET"};
    static const struct acpi_memory memory = {map};
    static struct acpi_info info;
    static struct acpi_devices devices;
    if (size < 1)
        return 0;
    const char *signature = signatures[data[0] % ARRAY_SIZE(signatures)];
    table_size = HEADER + size - 1;
    table = calloc(1, table_size); // ends where the memory ends: reading beyond is found
    memcpy(table + HEADER, data + 1, size - 1);
    seal(table, signature, table_size);
    make_tables(signature);
    acpi_parse(&memory, RSDP, &info);
    check(!(info.problems & ACPI_BAD_ROOT));
    if (memcmp(signature, "FACP", 4) != 0) // a FADT may name something else as the DSDT
        check(!(info.problems & ACPI_BAD_CHECKSUM));
    check(info.mpidr_count <= ACPI_CPUS_MAX && info.cpu_count <= ACPI_CPUS_MAX);
    for (unsigned i = 0; i < info.gic_redistributor_count; i++) {
        const struct acpi_range *range = &info.gic_redistributors[i];
        check(range->size != 0 && range->address <= UINT64_MAX - range->size);
    }
    acpi_find_devices(&memory, &info, &devices);
    check(devices.virtio_count <= ACPI_SLOTS_MAX);
    free(table);
    return 0;
}

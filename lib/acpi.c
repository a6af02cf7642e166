// SPDX-License-Identifier: MPL-2.0
// ACPI tables, read once at boot. See lib/acpi.h for the rules.
//
// RSDP -> XSDT (or RSDT) -> tables, each of which has a parser below; those that only ARM has are in acpi_arm.c. All
// reads of table contents go through `struct table` (acpi_table.c, acpi_priv.h), whose accessors return 0 beyond the
// end.

#include "acpi_priv.h"
#include <lib/acpi.h>
#include <lib/string.h>

#define TABLES_MAX 128u

static bool has_signature(const struct table *table, const char *signature) {
    return memcmp(table->bytes, signature, 4) == 0;
}

// --- MADT: processors and interrupt controllers ---

enum { MADT_LOCAL_APIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_LAPIC_ADDRESS = 5, MADT_LOCAL_X2APIC = 9 };
enum { MADT_CPU_ENABLED = 1 };

static void add_cpu(struct acpi_info *info, uint32_t apic_id, uint32_t flags) {
    if (!(flags & MADT_CPU_ENABLED))
        return;
    if (info->cpu_count == ACPI_CPUS_MAX) {
        info->problems |= ACPI_TOO_MANY;
        return;
    }
    info->cpus[info->cpu_count++] = apic_id;
}

static void add_ioapic(struct acpi_info *info, const struct table *entry) {
    if (info->ioapic_count == ACPI_IOAPICS_MAX) {
        info->problems |= ACPI_TOO_MANY;
        return;
    }
    info->ioapics[info->ioapic_count++] =
        (struct acpi_ioapic){.id = read8(entry, 2), .address = read32(entry, 4), .gsi_base = read32(entry, 8)};
}

static void add_override(struct acpi_info *info, const struct table *entry) {
    if (info->override_count == ACPI_OVERRIDES_MAX) {
        info->problems |= ACPI_TOO_MANY;
        return;
    }
    uint16_t flags = read16(entry, 8);
    info->overrides[info->override_count++] = (struct acpi_override){
        .isa_irq = read8(entry, 3),
        .gsi = read32(entry, 4),
        .active_low = (flags & 3) == 3,
        .level = (flags >> 2 & 3) == 3,
    };
}

static void parse_madt(const struct table *madt, struct acpi_info *info) {
    static const uint8_t sizes[] = {[MADT_LOCAL_APIC] = 8,
                                    [MADT_IOAPIC] = 12,
                                    [MADT_OVERRIDE] = 10,
                                    [MADT_LAPIC_ADDRESS] = 12,
                                    [MADT_LOCAL_X2APIC] = 16};
    info->have_madt = true;
    info->lapic_address = read32(madt, 36);
    for (uint32_t at = 44; at + 2 <= madt->size;) {
        struct table entry = {madt->bytes + at, read8(madt, at + 1)};
        if (entry.size < 2 || entry.size > madt->size - at) {
            info->problems |= ACPI_BAD_LENGTH;
            return;
        }
        at += entry.size;
        uint8_t type = read8(&entry, 0);
        acpi_parse_gic(&entry, info);
        if (type >= sizeof sizes || sizes[type] == 0)
            continue; // not for us
        if (entry.size < sizes[type]) {
            info->problems |= ACPI_BAD_LENGTH;
            continue;
        }
        switch (type) {
        case MADT_LOCAL_APIC:
            add_cpu(info, read8(&entry, 3), read32(&entry, 4));
            break;
        case MADT_LOCAL_X2APIC:
            add_cpu(info, read32(&entry, 4), read32(&entry, 8));
            break;
        case MADT_IOAPIC:
            add_ioapic(info, &entry);
            break;
        case MADT_OVERRIDE:
            add_override(info, &entry);
            break;
        case MADT_LAPIC_ADDRESS:
            info->lapic_address = read64(&entry, 4);
            break;
        }
    }
}

// --- FADT: power, reset, the PM timer, and where the DSDT is ---

enum { FADT_TIMER_32BIT = 1u << 8, FADT_RESET_SUPPORTED = 1u << 10, FADT_HARDWARE_REDUCED = 1u << 20 };
enum { FADT_PSCI = 1, FADT_PSCI_HVC = 2 }; // of the flags for ARM

// The 64-bit form if the table has it, else the old 32-bit port number.
static struct acpi_register read_pm_register(const struct table *fadt, uint32_t new_offset, uint32_t old_offset) {
    struct acpi_register reg = acpi_read_register(fadt, new_offset);
    uint32_t port = read32(fadt, old_offset);
    if (reg.address == 0 && port != 0 && port <= 0xffff)
        reg = (struct acpi_register){.space = ACPI_SPACE_IO, .address = port};
    return reg;
}

// One element of the _S5_ package: an integer in byte code. Returns the bytes it takes, 0: not an integer.
static unsigned aml_small_integer(const struct table *aml, uint32_t at, uint8_t *value) {
    switch (read8(aml, at)) {
    case 0x00:
        *value = 0;
        return 1; // ZeroOp
    case 0x01:
        *value = 1;
        return 1; // OneOp
    case 0x0a:
        *value = read8(aml, at + 1);
        return 2;
    case 0x0b:
        *value = read8(aml, at + 1);
        return 3; // little endian: the low byte comes first
    case 0x0c:
        *value = read8(aml, at + 1);
        return 5;
    default:
        return 0;
    }
}

// Looks for Name(\_S5, Package { a, b, … }) in byte code: 08 ['\'] "_S5_" 12 length count a b.
static void parse_dsdt(const struct table *dsdt, struct acpi_info *info) {
    for (uint32_t at = ACPI_TABLE_HEADER_SIZE + 2; at + 8 < dsdt->size; at++) {
        if (memcmp(dsdt->bytes + at, "_S5_", 4) != 0 || dsdt->bytes[at + 4] != 0x12)
            continue;
        bool named = dsdt->bytes[at - 1] == 0x08 || (dsdt->bytes[at - 1] == '\\' && dsdt->bytes[at - 2] == 0x08);
        if (!named)
            continue;
        // The package length takes one byte, and as many more as its top two bits say; then the count.
        uint32_t element = at + 5 + 1 + (dsdt->bytes[at + 5] >> 6) + 1;
        unsigned length = aml_small_integer(dsdt, element, &info->s5_type_a);
        if (length == 0)
            continue;
        if (aml_small_integer(dsdt, element + length, &info->s5_type_b) == 0)
            info->s5_type_b = 0;
        info->have_s5 = true;
        return;
    }
}

static void parse_fadt(const struct acpi_memory *memory, const struct table *fadt, struct acpi_info *info) {
    uint32_t flags = read32(fadt, 112);
    info->have_fadt = true;
    info->psci = (read16(fadt, 129) & FADT_PSCI) != 0;
    info->psci_hvc = (read16(fadt, 129) & FADT_PSCI_HVC) != 0;
    memcpy(info->maker, fadt->bytes + 10, sizeof info->maker - 1);
    info->hardware_reduced = (flags & FADT_HARDWARE_REDUCED) != 0;
    info->smi_command = read32(fadt, 48);
    info->acpi_enable = read8(fadt, 52);
    info->pm1a_control = read_pm_register(fadt, 172, 64);
    info->pm1b_control = read_pm_register(fadt, 184, 68);
    info->pm_timer = read_pm_register(fadt, 208, 76);
    info->pm_timer_32bit = (flags & FADT_TIMER_32BIT) != 0;
    if (flags & FADT_RESET_SUPPORTED) {
        info->reset = acpi_read_register(fadt, 116);
        info->reset_value = read8(fadt, 128);
    }
    if (info->hardware_reduced)
        info->sleep_control = acpi_read_register(fadt, 244);
    uint64_t dsdt_address = read64(fadt, 140);
    if (dsdt_address == 0)
        dsdt_address = read32(fadt, 40);
    struct table dsdt;
    if (acpi_open_table(memory, dsdt_address, info, &dsdt) && has_signature(&dsdt, "DSDT")) {
        info->dsdt = dsdt_address;
        parse_dsdt(&dsdt, info);
    }
}

static void parse_hpet(const struct table *hpet, struct acpi_info *info) {
    struct acpi_register reg = acpi_read_register(hpet, 40);
    if (reg.space == ACPI_SPACE_MEMORY)
        info->hpet_address = reg.address;
}

static void parse_mcfg(const struct table *mcfg, struct acpi_info *info) {
    if (mcfg->size < 44 + 16 || read16(mcfg, 44 + 8) != 0)
        return;
    info->ecam_address = read64(mcfg, 44);
    info->ecam_bus_start = read8(mcfg, 44 + 10);
    info->ecam_bus_end = read8(mcfg, 44 + 11);
}

static void parse_table(const struct acpi_memory *memory, uint64_t address, struct acpi_info *info) {
    struct table table;
    if (!acpi_open_table(memory, address, info, &table))
        return;
    if (has_signature(&table, "APIC") && !info->have_madt)
        parse_madt(&table, info);
    else if (has_signature(&table, "FACP") && !info->have_fadt)
        parse_fadt(memory, &table, info);
    else if (has_signature(&table, "HPET") && info->hpet_address == 0)
        parse_hpet(&table, info);
    else if (has_signature(&table, "MCFG") && info->ecam_address == 0)
        parse_mcfg(&table, info);
    else if (has_signature(&table, "GTDT") && info->virtual_timer == 0)
        acpi_parse_gtdt(&table, info);
    else if (has_signature(&table, "SPCR") && info->console.address == 0)
        acpi_parse_spcr(&table, info);
}

// --- the root ---

static const uint8_t *rsdp_at(const struct acpi_memory *memory, uint64_t address) {
    const uint8_t *rsdp = memory->map(memory, address, 20);
    return rsdp != nullptr && memcmp(rsdp, "RSD PTR ", 8) == 0 && acpi_checksum_ok(rsdp, 20) ? rsdp : nullptr;
}

uint64_t acpi_find_rsdp(const struct acpi_memory *memory, uint64_t start, uint64_t end) {
    for (uint64_t at = ALIGN_UP(start, 16); at < end && end - at >= 20; at += 16) {
        if (rsdp_at(memory, at) != nullptr)
            return at;
    }
    return 0;
}

// Opens the XSDT if there is a good one, else the RSDT; *entry_size says which.
static bool open_root(const struct acpi_memory *memory, uint64_t address, struct acpi_info *info, struct table *root,
                      unsigned *entry_size) {
    const uint8_t *bytes = rsdp_at(memory, address);
    if (bytes == nullptr)
        return false;
    struct table rsdp = {bytes, 20};
    uint32_t rsdt = read32(&rsdp, 16);
    if (read8(&rsdp, 15) >= 2 && memory->map(memory, address, 36) != nullptr) {
        rsdp = (struct table){memory->map(memory, address, 36), 36};
        uint64_t xsdt = read64(&rsdp, 24);
        *entry_size = 8;
        if (acpi_checksum_ok(rsdp.bytes, 36) && xsdt != 0 && acpi_open_table(memory, xsdt, info, root) &&
            has_signature(root, "XSDT"))
            return true;
    }
    *entry_size = 4;
    return rsdt != 0 && acpi_open_table(memory, rsdt, info, root) && has_signature(root, "RSDT");
}

void acpi_parse(const struct acpi_memory *memory, uint64_t rsdp, struct acpi_info *out) {
    memset(out, 0, sizeof *out);
    out->pm1a_control.space = out->pm1b_control.space = out->sleep_control.space = ACPI_SPACE_NONE;
    out->reset.space = out->pm_timer.space = out->console.space = ACPI_SPACE_NONE;
    struct table root;
    unsigned entry_size;
    if (rsdp == 0 || !open_root(memory, rsdp, out, &root, &entry_size)) {
        out->problems |= ACPI_BAD_ROOT;
        return;
    }
    unsigned count = 0;
    for (uint32_t at = ACPI_TABLE_HEADER_SIZE; root.size - at >= entry_size; at += entry_size) {
        if (++count > TABLES_MAX) {
            out->problems |= ACPI_TOO_MANY;
            return;
        }
        uint64_t address = read_bytes(&root, at, entry_size);
        if (address != 0)
            parse_table(memory, address, out);
    }
}

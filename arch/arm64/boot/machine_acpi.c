// SPDX-License-Identifier: MPL-2.0
// The machine from ACPI's tables (lib/acpi.c), which lie in memory that the direct map shows. Tables say where devices
// begin and not how large they are: sizes are what the architecture has.

#include "boot/boot_priv.h"
#include "boot/machine_priv.h"
#include <arch/mmu.h>
#include <lib/acpi.h>
#include <lib/acpi_devices.h>
#include <lib/assert.h>
#include <lib/log.h>
#include <lib/string.h>

enum { DISTRIBUTOR_SIZE_2 = 0x1000, DISTRIBUTOR_SIZE_3 = 0x10000, GIC_CPU_SIZE = 0x2000, PL011_SIZE = 0x1000 };
enum { PPI_FIRST = 16, SPI_FIRST = 32, SPI_END = 1020 };

static struct acpi_info acpi;
static struct acpi_devices devices;

// Any memory that is mapped: all of it that is not a device's.
static const void *map_direct(const struct acpi_memory *memory, uint64_t start, size_t size) {
    for (unsigned i = 0; i < boot_info.range_count; i++) {
        const struct boot_range *range = &boot_info.ranges[i];
        if (range->type != BOOT_MEMORY_DEVICE && range->start <= start && start < range->end &&
            size <= range->end - start)
            return arch_phys_to_virt(start);
    }
    return nullptr;
}

static void report_problems(void) {
    if (acpi.problems & ACPI_BAD_ROOT)
        panic("boot: the ACPI tables that firmware names are none");
    if (acpi.problems & ACPI_BAD_CHECKSUM)
        klog(LOG_WARNING, "acpi: a table with a wrong checksum was left out");
    if (acpi.problems & ACPI_BAD_LENGTH)
        klog(LOG_WARNING, "acpi: a table contradicts itself and was left out in part");
    if (acpi.problems & ACPI_TOO_MANY)
        klog(LOG_WARNING, "acpi: more processors or interrupt controllers than we have room for");
}

// "MAKER MACHINE": the tables have blanks up to six and eight letters.
static const char *model_name(void) {
    static char name[sizeof acpi.maker];
    size_t length = 0;
    for (size_t i = 0; i < sizeof acpi.maker && acpi.maker[i] != '\0'; i++) {
        char c = acpi.maker[i] > ' ' && acpi.maker[i] <= '~' ? acpi.maker[i] : ' ';
        if (c != ' ' || (length != 0 && name[length - 1] != ' '))
            name[length++] = c;
    }
    if (length != 0 && name[length - 1] == ' ')
        length--;
    name[length] = '\0';
    return length != 0 ? name : "a machine without a name";
}

static void read_gic(void) {
    if (!acpi.have_madt || acpi.gic_distributor == 0)
        return;
    machine.gic_version = acpi.gic_version;
    if (machine.gic_version == 0) // old tables do not say
        machine.gic_version = acpi.gic_redistributor_count != 0 ? 3 : 2;
    else if (machine.gic_version == 4)
        machine.gic_version = 3; // has all of it
    else if (machine.gic_version != 2 && machine.gic_version != 3)
        panic("%s: GIC version %u is not one that we know", machine.model, machine.gic_version);
    if (machine.gic_version == 2) {
        machine.gic_distributor = machine_region_of("the GIC", acpi.gic_distributor, DISTRIBUTOR_SIZE_2);
        if (acpi.gic_cpu != 0)
            machine.gic_cpu = machine_region_of("the GIC", acpi.gic_cpu, GIC_CPU_SIZE);
        return;
    }
    machine.gic_distributor = machine_region_of("the GIC", acpi.gic_distributor, DISTRIBUTOR_SIZE_3);
    for (unsigned i = 0; i < MIN(acpi.gic_redistributor_count, (unsigned)MACHINE_REDISTRIBUTORS_MAX); i++) {
        const struct acpi_range *range = &acpi.gic_redistributors[i];
        struct machine_region region = machine_region_of("redistributors", range->address, range->size);
        if (region.size != 0)
            machine.gic_redistributors[machine.gic_redistributor_count++] = region;
    }
}

static void read_console(void) {
    if (!acpi.console_pl011 || acpi.console.space != ACPI_SPACE_MEMORY)
        return;
    machine.uart = machine_region_of("the console", acpi.console.address, PL011_SIZE);
    if (acpi.console_irq >= SPI_FIRST && acpi.console_irq < SPI_END)
        machine.uart_irq = (struct machine_irq){.id = acpi.console_irq};
    if (machine.uart.size != 0)
        console_use(machine.uart.base);
}

static struct machine_irq irq_of(const struct acpi_slot *slot) {
    bool spi = slot->irq >= SPI_FIRST && slot->irq < SPI_END;
    return spi ? (struct machine_irq){slot->irq, slot->edge} : (struct machine_irq){};
}

static void read_virtio(void) {
    static_assert(ACPI_SLOTS_MAX <= MACHINE_VIRTIO_MAX);
    for (unsigned i = 0; i < devices.virtio_count; i++) {
        const struct acpi_slot *slot = &devices.virtio[i];
        struct machine_region region = machine_region_of("a virtio slot", slot->address, slot->size);
        struct machine_irq irq = irq_of(slot);
        if (region.size == 0 || irq.id == 0)
            continue;
        machine.virtio[machine.virtio_count].region = region;
        machine.virtio[machine.virtio_count++].irq = irq;
    }
}

static struct arch_pci_window window_of(const struct acpi_window *window) {
    if (window->size == 0 || machine_region_of("a PCI window", window->cpu, window->size).size == 0)
        return (struct arch_pci_window){};
    return (struct arch_pci_window){.cpu = window->cpu, .bus = window->bus, .size = window->size};
}

static void read_pci(void) {
    if (acpi.ecam_address == 0 || acpi.ecam_bus_end < acpi.ecam_bus_start)
        return;
    uint64_t size = (acpi.ecam_bus_end - acpi.ecam_bus_start + 1ull) << 20;
    // The table names the place of bus 0, whichever bus is the first.
    struct machine_region ecam =
        machine_region_of("PCI", acpi.ecam_address + ((uint64_t)acpi.ecam_bus_start << 20), size);
    machine.pci = (struct arch_pci_host){.ecam = ecam.base, .ecam_size = ecam.size};
    machine.pci.bus_first = acpi.ecam_bus_start;
    machine.pci.bus_last = acpi.ecam_bus_end;
    machine.pci.unassigned = devices.pci_memory32.size != 0; // whatever UEFI did: we do it anew
    machine.pci.io = window_of(&devices.pci_io);
    machine.pci.memory32 = window_of(&devices.pci_memory32);
    machine.pci.memory64 = window_of(&devices.pci_memory64);
    static_assert(ACPI_PCI_LINES == ARRAY_SIZE(machine.pci_intx));
    for (unsigned slot = 0; slot < ACPI_PCI_LINES; slot++)
        machine.pci_intx[slot] = irq_of(&devices.pci_lines[slot]);
}

void machine_from_acpi(void) {
    const struct acpi_memory memory = {map_direct};
    acpi_parse(&memory, boot_handoff.rsdp, &acpi);
    machine.acpi = true;
    machine.model = model_name();
    read_console(); // first, so that what follows can be complained about
    report_problems();
    read_gic();
    if (acpi.virtual_timer >= PPI_FIRST && acpi.virtual_timer < SPI_FIRST)
        machine.timer = (struct machine_irq){.id = acpi.virtual_timer, .edge = acpi.virtual_timer_edge};
    if (acpi.psci)
        machine.psci = acpi.psci_hvc ? CONDUIT_HVC : CONDUIT_SMC;
    for (unsigned i = 0; i < acpi.mpidr_count; i++)
        machine_add_cpu(acpi.mpidrs[i]);
    acpi_find_devices(&memory, &acpi, &devices);
    read_virtio();
    read_pci();
}

// SPDX-License-Identifier: MPL-2.0
// The machine from its device tree. A node that makes no sense is left out with a message; machine.c says what cannot
// be left out.

#include "boot/boot_priv.h"
#include "boot/machine_priv.h"
#include <arch/mmu.h>
#include <lib/assert.h>
#include <lib/fdt.h>
#include <lib/log.h>
#include <lib/string.h>

// What the GIC's three cells say: kind, number, and in the low bits how it is raised.
enum { GIC_CELLS = 3, GIC_SPI = 0, GIC_PPI = 1, GIC_SPI_FIRST = 32, GIC_PPI_FIRST = 16, GIC_SPIS = 988, GIC_PPIS = 16 };
enum { GIC_EDGE_RISING = 1, GIC_EDGE_FALLING = 2 };
// Of the interrupts of arm,armv8-timer: secure, non-secure, virtual, hypervisor.
enum { TIMER_VIRTUAL = 2 };
// First cell of an address on PCI: the space. The slot is above bit 11 of it in an interrupt-map.
enum { PCI_SPACE_SHIFT = 24, PCI_SPACE_MASK = 3, PCI_IO = 1, PCI_MEMORY32 = 2, PCI_MEMORY64 = 3, PCI_SLOT_SHIFT = 11 };

void machine_open_tree(struct fdt *tree, const void *(*reach)(paddr_t start, size_t size)) {
    paddr_t at = boot_handoff.device_tree;
    if (!boot_handoff.tree_answers)
        panic("boot: device tree at 0x%llx: there is no memory", (unsigned long long)at);
    uint32_t size = 0;
    enum fdt_problem problem = fdt_total_size(reach(at, FDT_HEADER_SIZE), &size);
    if (problem == FDT_GOOD)
        problem = fdt_open(reach(at, MAX(size, FDT_HEADER_SIZE)), size, tree);
    if (problem != FDT_GOOD)
        panic("boot: device tree at 0x%llx: %s", (unsigned long long)at, fdt_problem_text(problem));
}

static struct machine_region region_of(const struct fdt *tree, fdt_node node, unsigned index) {
    uint64_t base, size;
    if (!fdt_reg(tree, node, index, &base, &size))
        return (struct machine_region){};
    return machine_region_of(fdt_name(tree, node), base, size);
}

// --- interrupts ---

static struct machine_irq irq_of(const struct fdt_interrupt *interrupt) {
    uint32_t kind = interrupt->cells[0], number = interrupt->cells[1], flags = interrupt->cells[2];
    struct machine_irq irq = {.edge = (flags & (GIC_EDGE_RISING | GIC_EDGE_FALLING)) != 0};
    if (interrupt->count < GIC_CELLS)
        return irq;
    if (kind == GIC_SPI && number < GIC_SPIS)
        irq.id = GIC_SPI_FIRST + number;
    else if (kind == GIC_PPI && number < GIC_PPIS)
        irq.id = GIC_PPI_FIRST + number;
    return irq;
}

static struct machine_irq node_irq(const struct fdt *tree, fdt_node node, unsigned index) {
    struct fdt_interrupt interrupt;
    return fdt_interrupt(tree, node, index, &interrupt) ? irq_of(&interrupt) : (struct machine_irq){};
}

static fdt_node find_any(const struct fdt *tree, const char *const *names, unsigned count) {
    fdt_node node = FDT_NONE;
    for (unsigned i = 0; i < count && node == FDT_NONE; i++)
        node = fdt_find_compatible(tree, FDT_NONE, names[i]);
    return node;
}

static void read_gic(const struct fdt *tree) {
    static const char *const v2[] = {"arm,gic-400", "arm,cortex-a15-gic", "arm,cortex-a9-gic", "arm,cortex-a7-gic"};
    static const char *const v3[] = {"arm,gic-v3"};
    fdt_node gic = find_any(tree, v3, ARRAY_SIZE(v3));
    if (gic != FDT_NONE) {
        machine.gic_version = 3;
        uint32_t count = fdt_cell(tree, gic, "#redistributor-regions", 1);
        if (count > MACHINE_REDISTRIBUTORS_MAX)
            klog(LOG_WARNING, "%s: only %u regions of redistributors are used", machine.model,
                 MACHINE_REDISTRIBUTORS_MAX);
        for (unsigned i = 0; i < MIN(count, (uint32_t)MACHINE_REDISTRIBUTORS_MAX); i++) {
            struct machine_region region = region_of(tree, gic, 1 + i);
            if (region.size != 0)
                machine.gic_redistributors[machine.gic_redistributor_count++] = region;
        }
    } else {
        gic = find_any(tree, v2, ARRAY_SIZE(v2));
        if (gic == FDT_NONE)
            return;
        machine.gic_version = 2;
        machine.gic_cpu = region_of(tree, gic, 1);
    }
    machine.gic_distributor = region_of(tree, gic, 0);
}

static void read_timer(const struct fdt *tree) {
    fdt_node timer = fdt_find_compatible(tree, FDT_NONE, "arm,armv8-timer");
    if (timer != FDT_NONE)
        machine.timer = node_irq(tree, timer, TIMER_VIRTUAL);
}

// --- processors ---

static void read_psci(const struct fdt *tree) {
    static const char *const versions[] = {"arm,psci-1.0", "arm,psci-0.2"}; // before: numbers of its own
    fdt_node psci = find_any(tree, versions, ARRAY_SIZE(versions));
    const char *method = psci != FDT_NONE ? fdt_string(tree, psci, "method") : nullptr;
    if (method != nullptr && strcmp(method, "hvc") == 0)
        machine.psci = CONDUIT_HVC;
    else if (method != nullptr && strcmp(method, "smc") == 0)
        machine.psci = CONDUIT_SMC;
}

static void read_cpus(const struct fdt *tree) {
    fdt_node cpus = fdt_find_path(tree, "/cpus");
    unsigned cells = cpus != FDT_NONE ? fdt_address_cells(tree, cpus) : 0;
    if (cells < 1 || cells > 2)
        return; // machine.c says that our own is missing
    for (fdt_node node = fdt_child(tree, cpus); node != FDT_NONE; node = fdt_sibling(tree, node)) {
        const char *type = fdt_string(tree, node, "device_type");
        struct fdt_property reg;
        if (type == nullptr || strcmp(type, "cpu") != 0 || !fdt_is_enabled(tree, node) ||
            !fdt_property(tree, node, "reg", &reg) || reg.size != 4 * cells)
            continue;
        uint64_t mpidr = fdt_cells(&reg, 0, cells);
        const char *method = fdt_string(tree, node, "enable-method");
        if (mpidr != machine_own_mpidr() && (method == nullptr || strcmp(method, "psci") != 0))
            panic("%s: %s is to be started by '%s': we know PSCI only", machine.model, fdt_name(tree, node),
                  method != nullptr ? method : "nothing");
        machine_add_cpu(mpidr);
    }
}

// --- devices ---

// The serial port that /chosen names, else the first.
static fdt_node find_uart(const struct fdt *tree) {
    fdt_node chosen = fdt_find_path(tree, "/chosen");
    const char *path = chosen != FDT_NONE ? fdt_string(tree, chosen, "stdout-path") : nullptr;
    fdt_node uart = path != nullptr ? fdt_find_path(tree, path) : FDT_NONE;
    if (uart == FDT_NONE || !fdt_is_compatible(tree, uart, "arm,pl011"))
        uart = fdt_find_compatible(tree, FDT_NONE, "arm,pl011");
    return uart;
}

void machine_find_console(const struct fdt *tree) {
    uint64_t base, size;
    fdt_node uart = find_uart(tree);
    if (uart != FDT_NONE && fdt_reg(tree, uart, 0, &base, &size) && base < MACHINE_ADDRESS_END)
        console_use(base);
}

static void read_devices(const struct fdt *tree) {
    fdt_node uart = find_uart(tree);
    if (uart != FDT_NONE) {
        machine.uart = region_of(tree, uart, 0);
        machine.uart_irq = node_irq(tree, uart, 0);
    }
    fdt_node rtc = fdt_find_compatible(tree, FDT_NONE, "arm,pl031");
    if (rtc != FDT_NONE)
        machine.rtc = region_of(tree, rtc, 0);
    for (fdt_node node = FDT_NONE; (node = fdt_find_compatible(tree, node, "virtio,mmio")) != FDT_NONE;) {
        struct machine_region region = region_of(tree, node, 0);
        struct machine_irq irq = node_irq(tree, node, 0);
        if (region.size == 0 || irq.id == 0)
            continue;
        if (machine.virtio_count == MACHINE_VIRTIO_MAX) {
            klog(LOG_WARNING, "%s: only %u virtio slots are used", machine.model, MACHINE_VIRTIO_MAX);
            break;
        }
        machine.virtio[machine.virtio_count].region = region;
        machine.virtio[machine.virtio_count++].irq = irq;
    }
}

// --- PCI ---

// `ranges`: bus address of three cells (space first), where it is for the processor, size.
static void read_pci_windows(const struct fdt *tree, fdt_node pci) {
    struct fdt_property ranges;
    unsigned parent = fdt_address_cells(tree, fdt_parent(tree, pci)), row = 3 + parent + 2;
    if (!fdt_property(tree, pci, "ranges", &ranges) || parent > 2)
        return;
    for (unsigned at = 0; at + row <= ranges.size / 4; at += row) {
        unsigned space = (unsigned)fdt_cells(&ranges, at, 1) >> PCI_SPACE_SHIFT & PCI_SPACE_MASK;
        struct arch_pci_window window = {.bus = fdt_cells(&ranges, at + 1, 2),
                                         .cpu = fdt_cells(&ranges, at + 3, parent),
                                         .size = fdt_cells(&ranges, at + 3 + parent, 2)};
        if (machine_region_of("a PCI window", window.cpu, window.size).size == 0)
            continue;
        if (space == PCI_IO)
            machine.pci.io = window;
        else if (space == PCI_MEMORY32)
            machine.pci.memory32 = window;
        else if (space == PCI_MEMORY64)
            machine.pci.memory64 = window;
    }
}

static void read_pci(const struct fdt *tree) {
    fdt_node pci = fdt_find_compatible(tree, FDT_NONE, "pci-host-ecam-generic");
    if (pci == FDT_NONE || fdt_address_cells(tree, pci) != 3 || fdt_size_cells(tree, pci) != 2)
        return;
    struct machine_region ecam = region_of(tree, pci, 0);
    struct fdt_property buses;
    uint64_t first = 0, last = 255;
    if (fdt_property(tree, pci, "bus-range", &buses))
        first = fdt_cells(&buses, 0, 1), last = fdt_cells(&buses, 1, 1);
    if (ecam.size < 1 << 20 || first > last || last > 255)
        return;
    machine.pci.ecam = ecam.base;
    machine.pci.ecam_size = MIN(ecam.size, (last - first + 1) << 20);
    machine.pci.bus_first = (uint8_t)first;
    machine.pci.bus_last = (uint8_t)(first + (machine.pci.ecam_size >> 20) - 1);
    machine.pci.unassigned = true; // UEFI may have given addresses, and may not have looked: we do it anew
    read_pci_windows(tree, pci);
    for (uint32_t slot = 0; slot < ARRAY_SIZE(machine.pci_intx); slot++) {
        const uint32_t unit[] = {slot << PCI_SLOT_SHIFT, 0, 0, 1};
        struct fdt_interrupt interrupt;
        if (fdt_map_interrupt(tree, pci, unit, ARRAY_SIZE(unit), &interrupt))
            machine.pci_intx[slot] = irq_of(&interrupt);
    }
}

// --- all of it ---

static const void *reach_direct(paddr_t start, size_t size) {
    return arch_phys_to_virt(start);
}

void machine_from_fdt(void) {
    struct fdt tree;
    machine_open_tree(&tree, reach_direct);
    fdt_node root = fdt_root(&tree);
    machine.model = fdt_string(&tree, root, "model");
    if (machine.model == nullptr)
        machine.model = fdt_string(&tree, root, "compatible");
    if (machine.model == nullptr)
        machine.model = "a machine without a name";
    read_gic(&tree);
    read_timer(&tree);
    read_psci(&tree);
    read_cpus(&tree);
    read_devices(&tree);
    read_pci(&tree);
}

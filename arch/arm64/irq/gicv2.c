// SPDX-License-Identifier: MPL-2.0
// GICv2: up to eight CPUs, which the distributor knows by a bit each. Each CPU's interface is at the same address, and
// the distributor's first registers show each CPU its own private lines.
//
// Without the security extensions our interrupts are in group 0, with them the same register bits mean group 1 of the
// non-secure world. So groups are not touched, and the enable bit is right in both.

#include "boot/boot_priv.h"
#include "irq/irq_priv.h"
#include <arch/cpu.h>
#include <lib/assert.h>

#define INTERFACE_SIZE 0x1000u

enum { GICC_CONTROL = 0x0, GICC_PRIORITY_MASK = 0x4, GICC_BINARY_POINT = 0x8, GICC_ACKNOWLEDGE = 0xc, GICC_END = 0x10 };
enum { CONTROL_ENABLE = 1, PRIORITY_MASK_NONE = 0xf0 };
enum { SEND_TO_OTHERS = 1u << 24, SEND_TARGET_SHIFT = 16 };

static struct {
    struct arch_io interface;
    uint8_t cpu_bit[CPU_MAX]; // 0: has not started
} gicv2;

static void v2_init(void) {
    if (machine.gic_cpu.size == 0)
        panic("boot: GICv2 without a CPU interface");
    gicv2.interface.base = (uintptr_t)fixmap_device(machine.gic_cpu.base, INTERFACE_SIZE);
}

// A private line's target is the CPU that reads it; a GIC of one CPU says nothing.
static uint8_t own_bit(void) {
    for (unsigned line = 0; line < GIC_PRIVATE_LINES; line += 4) {
        uint32_t targets = arch_io_read32(gic.distributor, GICD_TARGET + line);
        for (; targets != 0; targets >>= 8) {
            if ((targets & 0xff) != 0)
                return (uint8_t)targets;
        }
    }
    return 1;
}

static struct arch_io v2_init_cpu(void) {
    gicv2.cpu_bit[arch_cpu_id()] = own_bit();
    arch_io_write32(gicv2.interface, GICC_PRIORITY_MASK, PRIORITY_MASK_NONE);
    arch_io_write32(gicv2.interface, GICC_BINARY_POINT, 0);
    arch_io_write32(gicv2.interface, GICC_CONTROL, CONTROL_ENABLE);
    return gic.distributor;
}

// For an SGI it also says who sent it, and the end must repeat that.
static uint32_t v2_acknowledge(void) {
    return arch_io_read32(gicv2.interface, GICC_ACKNOWLEDGE);
}

static void v2_end(uint32_t acknowledged) {
    arch_io_write32(gicv2.interface, GICC_END, acknowledged);
}

static void v2_route(unsigned line, unsigned cpu) {
    arch_io_write8(gic.distributor, GICD_TARGET + line, gicv2.cpu_bit[cpu]);
}

static void v2_send(unsigned cpu, unsigned sgi) {
    arch_io_write32(gic.distributor, GICD_SEND, (uint32_t)gicv2.cpu_bit[cpu] << SEND_TARGET_SHIFT | sgi);
}

static void v2_send_to_others(unsigned sgi) {
    arch_io_write32(gic.distributor, GICD_SEND, SEND_TO_OTHERS | sgi);
}

const struct gic_ops gicv2_ops = {
    .version = 2,
    .distributor_size = 0x1000,
    .distributor_on = 1,
    .init = v2_init,
    .init_cpu = v2_init_cpu,
    .acknowledge = v2_acknowledge,
    .end = v2_end,
    .route = v2_route,
    .send = v2_send,
    .send_to_others = v2_send_to_others,
};

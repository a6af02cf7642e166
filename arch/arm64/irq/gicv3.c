// SPDX-License-Identifier: MPL-2.0
// GICv3 (and 4): CPUs are known by their affinity, the fields of MPIDR_EL1; a CPU's interface is system registers, and
// its private lines are in its redistributor.
//
// Redistributors lie one after the other in the regions that firmware names, in no order that can be known. Each says
// whose it is, and whether it is a region's last.

#include "arm64_priv.h"
#include "boot/boot_priv.h"
#include "cpu/sysreg.h"
#include "irq/irq_priv.h"
#include <lib/assert.h>

#define FRAME_SIZE 0x10000ul // a redistributor has two frames, four if it knows virtual interrupts
#define USED_SIZE 0x1000ul   // of a frame

enum { GICR_TYPE = 0x8, GICR_AFFINITY = 0xc, GICR_WAKER = 0x14 };
enum { TYPE_VIRTUAL = 1u << 1, TYPE_LAST = 1u << 4 };
enum { WAKER_SLEEP = 1u << 1, WAKER_ASLEEP = 1u << 2 };
enum { DISTRIBUTOR_GROUPS_AND_AFFINITY = 0x13 };
enum { SRE_ENABLE = 1, PRIORITY_MASK_NONE = 0xf0 };
#define SEND_TO_OTHERS (1ull << 40)

static struct {
    struct redistributor {
        uint32_t affinity; // packed as in GICR_AFFINITY
        struct arch_io io, private_lines;
    } redistributors[CPU_MAX];
    unsigned count;
    uint32_t affinity[CPU_MAX]; // by our CPU number, once it has started
} gicv3;

static uint32_t pack_affinity(uint64_t mpidr) {
    return (uint32_t)(mpidr >> 32 & 0xff) << 24 | (uint32_t)(mpidr & 0xffffff);
}

// --- redistributors ---

static void add_redistributor(struct arch_io io, paddr_t address) {
    if (gicv3.count == CPU_MAX)
        return;
    paddr_t lines = address + FRAME_SIZE;
    gicv3.redistributors[gicv3.count++] =
        (struct redistributor){.affinity = arch_io_read32(io, GICR_AFFINITY),
                               .io = io,
                               .private_lines = {.base = (uintptr_t)fixmap_device(lines, USED_SIZE)}};
}

static void walk_region(const struct machine_region *region) {
    for (uint64_t at = 0; gicv3.count < CPU_MAX && region->size - at >= 2 * FRAME_SIZE;) {
        struct arch_io io = {.base = (uintptr_t)fixmap_device(region->base + at, USED_SIZE)};
        uint32_t type = arch_io_read32(io, GICR_TYPE);
        add_redistributor(io, region->base + at);
        uint64_t size = (type & TYPE_VIRTUAL ? 4 : 2) * FRAME_SIZE;
        if ((type & TYPE_LAST) || size > region->size - at)
            return;
        at += size;
    }
}

static void v3_init(void) {
    for (unsigned i = 0; i < machine.gic_redistributor_count; i++)
        walk_region(&machine.gic_redistributors[i]);
    if (gicv3.count == 0)
        panic("boot: GICv3 without redistributors");
}

static const struct redistributor *own_redistributor(uint32_t affinity) {
    for (unsigned i = 0; i < gicv3.count; i++) {
        if (gicv3.redistributors[i].affinity == affinity)
            return &gicv3.redistributors[i];
    }
    panic("boot: CPU %u has no redistributor in the GICv3 (affinity 0x%x)", arch_cpu_id(), affinity);
}

// --- a CPU's interface ---

static void start_interface(void) {
    sysreg_write(ICC_SRE_EL1, sysreg_read(ICC_SRE_EL1) | SRE_ENABLE);
    isb();
    if (!(sysreg_read(ICC_SRE_EL1) & SRE_ENABLE))
        panic("boot: firmware does not let us use the GICv3's system registers");
    sysreg_write(ICC_PMR_EL1, PRIORITY_MASK_NONE);
    sysreg_write(ICC_BPR1_EL1, 0);
    sysreg_write(ICC_CTLR_EL1, 0); // one write ends an interrupt
    sysreg_write(ICC_IGRPEN1_EL1, 1);
    isb();
}

static struct arch_io v3_init_cpu(void) {
    uint32_t affinity = pack_affinity(sysreg_read(MPIDR_EL1));
    const struct redistributor *own = own_redistributor(affinity);
    arch_io_write32(own->io, GICR_WAKER, arch_io_read32(own->io, GICR_WAKER) & ~(uint32_t)WAKER_SLEEP);
    gic_wait_clear(own->io, GICR_WAKER, WAKER_ASLEEP, "a redistributor does not wake up");
    start_interface();
    gicv3.affinity[arch_cpu_id()] = affinity;
    return own->private_lines;
}

static uint32_t v3_acknowledge(void) {
    uint32_t acknowledged = (uint32_t)sysreg_read(ICC_IAR1_EL1);
    dsb_sy(); // the handler's accesses come after it
    return acknowledged;
}

static void v3_end(uint32_t acknowledged) {
    sysreg_write(ICC_EOIR1_EL1, acknowledged);
    isb();
}

// --- to a CPU ---

static void v3_route(unsigned line, unsigned cpu) {
    uint32_t affinity = gicv3.affinity[cpu];
    arch_io_write32(gic.distributor, GICD_ROUTER + line * 8, affinity & 0xffffff);
    arch_io_write32(gic.distributor, GICD_ROUTER + line * 8 + 4, affinity >> 24);
}

static void send(uint64_t command) {
    __asm__ volatile("dsb ishst" ::: "memory");
    sysreg_write(ICC_SGI1R_EL1, command);
    isb();
}

// The target list has a bit for each of 16 CPUs that differ in the lowest field only.
static void v3_send(unsigned cpu, unsigned sgi) {
    uint64_t affinity = gicv3.affinity[cpu];
    uint64_t lowest = affinity & 0xff;
    send((affinity >> 24) << 48 | (lowest / 16) << 44 | (affinity >> 16 & 0xff) << 32 | (uint64_t)sgi << 24 |
         (affinity >> 8 & 0xff) << 16 | 1ull << lowest % 16);
}

static void v3_send_to_others(unsigned sgi) {
    send(SEND_TO_OTHERS | (uint64_t)sgi << 24);
}

const struct gic_ops gicv3_ops = {
    .version = 3,
    .distributor_size = 0x8000,
    .distributor_on = DISTRIBUTOR_GROUPS_AND_AFFINITY,
    .init = v3_init,
    .init_cpu = v3_init_cpu,
    .acknowledge = v3_acknowledge,
    .end = v3_end,
    .route = v3_route,
    .send = v3_send,
    .send_to_others = v3_send_to_others,
};

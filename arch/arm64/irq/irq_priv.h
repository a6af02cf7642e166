// SPDX-License-Identifier: MPL-2.0
// Between the files of irq/: the interrupt controller in its two versions, and who gets an interrupt.
//
// Interrupts have numbers (INTIDs), which are also the lines of arch/irq.h: 0-15 are sent by software from CPU to CPU
// (SGIs), 16-31 are each CPU's own devices (PPIs), those from 32 on are shared devices (SPIs).
#pragma once

#include "boot/machine.h"
#include <arch/io.h>
#include <lib/types.h>

#define GIC_PRIVATE_LINES 32u
#define GIC_LINES_MAX 1020u // higher numbers mean that there is nothing to take
#define GIC_CPUS_V2 8u

// What we send to other CPUs.
enum { SGI_RESCHEDULE, SGI_STOP, SGI_COUNT };

// What differs between versions 2 and 3. Interrupts off.
struct gic_ops {
    unsigned version;
    size_t distributor_size;
    uint32_t distributor_on; // GICD_CONTROL: takes interrupts
    void (*init)(void);      // once: finds the rest of the registers
    // This CPU's interface takes interrupts afterwards. Returns where the registers of its private lines are, laid out
    // as the distributor's.
    struct arch_io (*init_cpu)(void);
    uint32_t (*acknowledge)(void); // gic_id() of it: the interrupt
    void (*end)(uint32_t acknowledged);
    void (*route)(unsigned line, unsigned cpu); // of an SPI
    // What was written to memory before, the other CPUs see in their handler.
    void (*send)(unsigned cpu, unsigned sgi);
    void (*send_to_others)(unsigned sgi);
};
extern const struct gic_ops gicv2_ops, gicv3_ops;

ALWAYS_INLINE unsigned gic_id(uint32_t acknowledged) {
    return acknowledged & 0x3ff;
}

// Registers of the distributor; those with a bit or more for each line begin with line 0's.
enum {
    GICD_CONTROL = 0x0,
    GICD_TYPE = 0x4,
    GICD_GROUP = 0x80,
    GICD_SET_ENABLE = 0x100,
    GICD_CLEAR_ENABLE = 0x180,
    GICD_PRIORITY = 0x400, // 8 bits
    GICD_TARGET = 0x800,   // 8 bits, version 2
    GICD_CONFIG = 0xc00,   // 2 bits
    GICD_SEND = 0xf00,     // version 2
    GICD_ROUTER = 0x6000,  // 64 bits, version 3
};

// --- gic.c ---
struct gic {
    const struct gic_ops *ops; // null: not found yet
    struct arch_io distributor;
    unsigned lines; // that exist
};
extern struct gic gic;
// Lets a line through: to this CPU if it is private, else to where it is routed.
void gic_enable(unsigned line, bool edge);
void gic_disable(unsigned line);
// Waits until `bit` of a register is clear; panics with `what` if that takes a second.
void gic_wait_clear(struct arch_io io, unsigned offset, uint32_t bit, const char *what);
// SGI_STOP has arrived.
[[noreturn]] void gic_stop_this_cpu(void);

// --- timer.c ---
void timer_interrupt(bool from_user);
// The counter's value at which `deadline` is reached.
uint64_t timer_value(nsec_t deadline);
#define TIMER_STATUS 4u // CNTV_CTL_EL0: the time has come

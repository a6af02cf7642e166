// SPDX-License-Identifier: MPL-2.0
// From a vector to whoever wants it. A line (an ISA interrupt number or a global system interrupt) gets a
// vector of its own when a driver registers a handler for it.
//
// The table is written at boot and when a driver starts, by one thread at a time, and read by interrupt
// handlers: a slot's context is stored before its handler.

#include "boot/boot_priv.h"
#include "x86_64_priv.h"
#include <arch/irq.h>
#include <arch/smp.h>
#include <arch/upcall.h>
#include <lib/status.h>
#include <stdatomic.h>

#define ISA_LINES 16u
#define LINE_MESSAGE ~0u              // a slot for a message: no line
#define MESSAGE_ADDRESS 0xfee00000ull // where local APICs take them
#define APIC_ID_MAX 0xffu             // that an address has room for

struct irq_slot {
    _Atomic(irq_handler_fn *) handler;
    void *context;
    unsigned line;
    uint32_t gsi;
    unsigned flags; // IOAPIC_*
};

static struct {
    struct irq_slot slots[VECTOR_DEVICE_LAST - VECTOR_DEVICE_FIRST + 1];
} irq;

void x86_interrupt(unsigned vector, bool from_user) {
    switch (vector) {
    case VECTOR_TIMER:
        apic_end_of_interrupt();
        timer_interrupt(from_user);
        return;
    case VECTOR_RESCHED:
        apic_end_of_interrupt();
        sched_ipi();
        return;
    case VECTOR_TLB:
        apic_end_of_interrupt();
        x86_tlb_interrupt();
        return;
    case VECTOR_SPURIOUS:
        return; // has no end
    }
    if (vector >= VECTOR_DEVICE_FIRST && vector <= VECTOR_DEVICE_LAST) {
        struct irq_slot *slot = &irq.slots[vector - VECTOR_DEVICE_FIRST];
        irq_handler_fn *handler = atomic_load_explicit(&slot->handler, memory_order_acquire);
        if (handler != nullptr)
            handler(slot->context);
    }
    apic_end_of_interrupt();
}

// Where an ISA interrupt really arrives, and how. PCI's lines, above, are level-triggered and active low.
static void find_gsi(unsigned line, struct irq_slot *slot) {
    slot->gsi = line;
    slot->flags = line < ISA_LINES ? 0 : IOAPIC_LEVEL | IOAPIC_ACTIVE_LOW;
    for (unsigned i = 0; line < ISA_LINES && i < acpi.override_count; i++) {
        const struct acpi_override *override = &acpi.overrides[i];
        if (override->isa_irq != line)
            continue;
        slot->gsi = override->gsi;
        slot->flags = (override->active_low ? IOAPIC_ACTIVE_LOW : 0) | (override->level ? IOAPIC_LEVEL : 0);
    }
}

// A slot that is free; the handler is stored last, by the caller. -EBUSY: none, or the line is taken.
static status_t take_slot(unsigned line, void *context, struct irq_slot **out) {
    *out = nullptr;
    for (unsigned i = 0; i < ARRAY_SIZE(irq.slots); i++) {
        struct irq_slot *slot = &irq.slots[i];
        if (atomic_load_explicit(&slot->handler, memory_order_relaxed) == nullptr) {
            if (*out == nullptr)
                *out = slot;
        } else if (slot->line == line && line != LINE_MESSAGE) {
            return -EBUSY;
        }
    }
    if (*out == nullptr)
        return -EBUSY;
    (*out)->line = line;
    (*out)->context = context;
    return 0;
}

static unsigned vector_of(const struct irq_slot *slot) {
    return VECTOR_DEVICE_FIRST + (unsigned)(slot - irq.slots);
}

status_t arch_irq_register(unsigned line, irq_handler_fn *handler, void *context) {
    struct irq_slot *slot;
    status_t status = take_slot(line, context, &slot);
    if (status != 0)
        return status;
    find_gsi(line, slot);
    atomic_store_explicit(&slot->handler, handler, memory_order_release);
    status = ioapic_set(slot->gsi, vector_of(slot), x86_apic_ids[0], slot->flags);
    if (status != 0)
        atomic_store_explicit(&slot->handler, nullptr, memory_order_release);
    return status;
}

status_t arch_irq_message_register(irq_handler_fn *handler, void *context, struct arch_irq_message *message) {
    struct irq_slot *slot;
    if (x86_apic_ids[0] > APIC_ID_MAX || take_slot(LINE_MESSAGE, context, &slot) != 0)
        return -ENODEV;
    atomic_store_explicit(&slot->handler, handler, memory_order_release);
    *message = (struct arch_irq_message){MESSAGE_ADDRESS | (uint64_t)x86_apic_ids[0] << 12, vector_of(slot)};
    return 0;
}

status_t arch_irq_route(unsigned line, unsigned cpu) {
    if (cpu >= arch_cpu_count() || line == LINE_MESSAGE)
        return -EINVAL;
    for (unsigned i = 0; i < ARRAY_SIZE(irq.slots); i++) {
        struct irq_slot *slot = &irq.slots[i];
        if (atomic_load_explicit(&slot->handler, memory_order_relaxed) != nullptr && slot->line == line)
            return ioapic_set(slot->gsi, VECTOR_DEVICE_FIRST + i, x86_apic_ids[cpu], slot->flags);
    }
    return -ENODEV;
}

// SPDX-License-Identifier: MPL-2.0
// From an interrupt's number to whoever wants it.
//
// The table is written when a driver starts, by one thread at a time, and read by interrupt handlers: a line's context
// is stored before its handler.

#include "arm64_priv.h"
#include "irq/irq_priv.h"
#include <arch/irq.h>
#include <arch/smp.h>
#include <arch/upcall.h>
#include <lib/log.h>
#include <lib/status.h>
#include <stdatomic.h>

#define TAKE_MAX 64u // at once; what is pending then comes again after the return

static struct {
    struct irq_slot {
        _Atomic(irq_handler_fn *) handler;
        void *context;
    } slots[GIC_LINES_MAX - GIC_PRIVATE_LINES];
} irq;

static void device_interrupt(unsigned line) {
    irq_handler_fn *handler = nullptr;
    struct irq_slot *slot = nullptr;
    if (line >= GIC_PRIVATE_LINES) {
        slot = &irq.slots[line - GIC_PRIVATE_LINES];
        handler = atomic_load_explicit(&slot->handler, memory_order_acquire);
    }
    if (handler != nullptr) {
        handler(slot->context);
        return;
    }
    gic_disable(line); // it would not stop
    klog(LOG_WARNING, "interrupt %u: nobody wants it", line);
}

static void handle(uint32_t acknowledged, bool from_user) {
    unsigned id = gic_id(acknowledged);
    if (id == machine.timer.id) {
        timer_interrupt(from_user);
    } else if (id == SGI_RESCHEDULE) {
        sched_ipi();
    } else if (id == SGI_STOP) {
        gic.ops->end(acknowledged);
        gic_stop_this_cpu();
    } else {
        device_interrupt(id);
    }
    gic.ops->end(acknowledged);
}

void arm64_interrupt(bool from_user) {
    for (unsigned i = 0; i < TAKE_MAX; i++) {
        uint32_t acknowledged = gic.ops->acknowledge();
        if (gic_id(acknowledged) >= GIC_LINES_MAX)
            return;
        handle(acknowledged, from_user);
    }
}

// --- for drivers ---

static bool is_edge(unsigned line) {
    if (line == machine.uart_irq.id)
        return machine.uart_irq.edge;
    for (unsigned i = 0; i < ARRAY_SIZE(machine.pci_intx); i++) {
        if (line == machine.pci_intx[i].id)
            return machine.pci_intx[i].edge;
    }
    for (unsigned i = 0; i < machine.virtio_count; i++) {
        if (line == machine.virtio[i].irq.id)
            return machine.virtio[i].irq.edge;
    }
    return false;
}

static bool is_shared_line(unsigned line) {
    return line >= GIC_PRIVATE_LINES && line < gic.lines;
}

status_t arch_irq_register(unsigned line, irq_handler_fn *handler, void *context) {
    if (!is_shared_line(line))
        return -ENODEV;
    struct irq_slot *slot = &irq.slots[line - GIC_PRIVATE_LINES];
    if (atomic_load_explicit(&slot->handler, memory_order_relaxed) != nullptr)
        return -EBUSY;
    slot->context = context;
    atomic_store_explicit(&slot->handler, handler, memory_order_release);
    gic.ops->route(line, 0);
    gic_enable(line, is_edge(line));
    return 0;
}

// It would take an ITS (GICv3) or a message frame (GICv2); PCI's pins do as well, since firmware says where they lead.
status_t arch_irq_message_register(irq_handler_fn *handler, void *context, struct arch_irq_message *message) {
    return -ENODEV;
}

status_t arch_irq_route(unsigned line, unsigned cpu) {
    if (cpu >= arch_cpu_count())
        return -EINVAL;
    if (!is_shared_line(line) ||
        atomic_load_explicit(&irq.slots[line - GIC_PRIVATE_LINES].handler, memory_order_relaxed) == nullptr)
        return -ENODEV;
    gic.ops->route(line, cpu);
    return 0;
}

// SPDX-License-Identifier: MPL-2.0
// Device interrupts. A handler runs in interrupt context: it takes no lock and does not block; it
// moves data between device and lock-free rings and raises a dpc (sched/dpc.h) for the rest.
#pragma once

#include <lib/types.h>

typedef void irq_handler_fn(void *context);

// Connects a handler to a platform interrupt line (x86: ISA IRQ or GSI; arm64: SPI number).
// -EBUSY: taken. -ENODEV: no such line.
MUST_USE status_t arch_irq_register(unsigned line, irq_handler_fn *handler, void *context);
// Connects a handler to a message (PCI's MSI-X): the device interrupts by writing `data` to `address`. -ENODEV: there
// is no such thing, or no more of them.
struct arch_irq_message {
    uint64_t address;
    uint32_t data;
};
MUST_USE status_t arch_irq_message_register(irq_handler_fn *handler, void *context, struct arch_irq_message *message);
// Sends a line to a CPU. -ENOSYS if the controller can't.
status_t arch_irq_route(unsigned line, unsigned cpu);

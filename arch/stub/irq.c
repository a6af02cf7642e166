// SPDX-License-Identifier: MPL-2.0
// Porting guide: arch/irq.h and arch/platform.h.
//
// The interrupt entry saves a full frame, finds the line at the controller, calls the handler with interrupts off on
// the current kernel stack, signals the end, and leaves: to user mode through the same exit test as a system call, to
// the kernel directly (the kernel is not preempted).
#include <arch/irq.h>
#include <arch/platform.h>
#include <lib/status.h>

status_t arch_irq_register(unsigned line, irq_handler_fn *handler, void *context) {
    return -ENODEV;
}
status_t arch_irq_message_register(irq_handler_fn *handler, void *context, struct arch_irq_message *message) {
    return -ENODEV;
}
status_t arch_irq_route(unsigned line, unsigned cpu) {
    return -ENOSYS;
}

// From the device tree or firmware tables, or a constant list.
const struct platform_device *arch_platform_devices(unsigned *count) {
    *count = 0;
    return nullptr;
}

// Where PCI Express configuration space and its windows are, and which line a pin arrives at.
bool arch_pci_host(struct arch_pci_host *host) {
    return false;
}
status_t arch_pci_line(unsigned slot, unsigned pin, unsigned *line) {
    return -ENODEV;
}

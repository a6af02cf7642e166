// SPDX-License-Identifier: MPL-2.0
// Interrupt pins. There are four lines for all devices, level-triggered: a handler for the line asks each device on it.
//
// Devices are added by one thread at boot, at the front of the list that the handler walks: complete, then published.

#include "pci_priv.h"
#include <lib/status.h>
#include <stdatomic.h>

#define LINES_MAX 16u

static struct {
    struct shared_line {
        unsigned line;
        _Atomic(struct pci_device *) first;
    } all[LINES_MAX];
    unsigned count;
} lines;

static void handle_line(void *context) {
    struct shared_line *shared = context;
    struct pci_device *device = atomic_load_explicit(&shared->first, memory_order_acquire);
    for (; device != nullptr; device = device->next_on_line)
        device->handler(device->context);
}

// A bridge turns the pins of what is behind it: pin A of slot 1 is its own pin B.
static status_t find_line(const struct pci_device *device, unsigned *line) {
    if (device->pin == 0)
        return -ENODEV;
    unsigned pin = device->pin, slot = pci_slot(device->address);
    for (const struct pci_device *bridge = device->bridge; bridge != nullptr; bridge = bridge->bridge) {
        pin = (pin - 1 + slot) % 4 + 1;
        slot = pci_slot(bridge->address);
    }
    return arch_pci_line(slot, pin, line);
}

static status_t share_line(unsigned line, struct shared_line **out) {
    for (unsigned i = 0; i < lines.count; i++) {
        if (lines.all[i].line == line) {
            *out = &lines.all[i];
            return 0;
        }
    }
    if (lines.count == LINES_MAX)
        return -EBUSY;
    *out = &lines.all[lines.count];
    (*out)->line = line;
    status_t status = arch_irq_register(line, handle_line, *out);
    if (status == 0)
        lines.count++;
    return status;
}

status_t pci_irq_register(struct pci_device *device, irq_handler_fn *handler, void *context) {
    unsigned line;
    struct shared_line *shared;
    status_t status = device->handler == nullptr ? find_line(device, &line) : -EBUSY;
    if (status == 0)
        status = share_line(line, &shared);
    if (status != 0)
        return status;
    device->line = line;
    device->handler = handler;
    device->context = context;
    device->next_on_line = atomic_load_explicit(&shared->first, memory_order_relaxed);
    atomic_store_explicit(&shared->first, device, memory_order_release);
    pci_command(device->address, 0, COMMAND_NO_PIN);
    return 0;
}

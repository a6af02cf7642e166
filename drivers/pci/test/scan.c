// SPDX-License-Identifier: MPL-2.0
// Enumeration and address assignment over a configuration space that can be as bad as one likes. Functions are at
// addresses with a bus number that follows the bridges, as in a machine: who writes a bridge's bus numbers changes what
// is found where.

#include "../pci_priv.h"
#include <lib/status.h>
#include <stdlib.h>
#include <tap.h>

#define FUNCTIONS_MAX 32u

struct function {
    struct function *bridge; // it is behind; null: on the first bus
    unsigned slot_function;
    uint32_t config[64];
    uint32_t bar_masks[6]; // bits that can be written
    bool stuck;            // writes do nothing
};

static struct function functions[FUNCTIONS_MAX];
static unsigned function_count;
static unsigned reads;
static bool all_answer; // every address answers as functions[0] does

struct pci pci;
const struct pci_driver pci_drivers_start[1], pci_drivers_end[1];

// --- a machine ---

static struct function *add(struct function *bridge, unsigned slot, unsigned function, uint32_t id, uint32_t class,
                            unsigned header) {
    struct function *f = &functions[function_count++];
    *f = (struct function){.bridge = bridge, .slot_function = slot << 3 | function};
    f->config[0] = id;
    f->config[2] = class << 8;
    f->config[3] = header << 16;
    return f;
}

static struct function *add_device(struct function *bridge, unsigned slot) {
    return add(bridge, slot, 0, 0x00021b36, 0x070002, 0);
}
static struct function *add_bridge(struct function *bridge, unsigned slot) {
    return add(bridge, slot, 0, 0x000c1b36, 0x060400, 1);
}

static void set_bar(struct function *f, unsigned bar, uint32_t flags, uint32_t mask) {
    f->config[4 + bar] = flags;
    f->bar_masks[bar] = mask;
}

static void reset(bool unassigned) {
    function_count = 0;
    reads = 0;
    all_answer = false;
    struct pci_device *device, *next;
    if (pci.devices.next != nullptr) {
        LIST_FOR_EACH_SAFE(device, next, &pci.devices, node)
        free(device);
    }
    pci = (struct pci){.host = {.bus_first = 0,
                                .bus_last = 255,
                                .unassigned = unassigned,
                                .io = {0x3eff0000, 0, 0x10000},
                                .memory32 = {0x10000000, 0x10000000, 0x2eff0000},
                                .memory64 = {0x8000000000, 0x8000000000, 0x8000000000}}};
}

static unsigned bus_of(const struct function *f) {
    return f->bridge == nullptr ? 0 : f->bridge->config[6] >> 8 & 0xff;
}

static struct function *find(pci_address address) {
    if (all_answer)
        return &functions[0];
    for (unsigned i = 0; i < function_count; i++) {
        struct function *f = &functions[i];
        bool reachable = f->bridge == nullptr || bus_of(f) != 0;
        if (reachable && bus_of(f) == pci_bus(address) && f->slot_function == (address & 0xff))
            return f;
    }
    return nullptr;
}

uint32_t pci_read32(pci_address address, unsigned offset) {
    reads++;
    const struct function *f = find(address);
    return f != nullptr ? f->config[offset / 4] : ~0u;
}

void pci_write32(pci_address address, unsigned offset, uint32_t value) {
    struct function *f = find(address);
    if (f == nullptr || f->stuck)
        return;
    unsigned bar = (offset - CONFIG_BAR) / 4;
    bool is_bar = offset >= CONFIG_BAR && bar < ((f->config[3] >> 16 & 0x7f) == 1 ? 2u : 6u);
    if (is_bar)
        f->config[offset / 4] = (value & f->bar_masks[bar]) | (f->config[offset / 4] & ~f->bar_masks[bar]);
    else
        f->config[offset / 4] = value;
}

void pci_command(pci_address address, unsigned set, unsigned clear) {
    pci_write32(address, CONFIG_COMMAND, (pci_read16(address, CONFIG_COMMAND) | set) & ~clear);
}

void *kzalloc(size_t size) {
    return calloc(1, size);
}

static struct pci_device *found(unsigned bus, unsigned slot) {
    struct pci_device *device;
    LIST_FOR_EACH(device, &pci.devices, node) {
        if (device->address == (bus << 8 | slot << 3))
            return device;
    }
    return nullptr;
}

// --- tests ---

static void nothing_there(void) {
    reset(true);
    pci_scan();
    is(pci.count, 0, "an empty bus has no devices");
    is(reads, 32, "and takes one read a slot");
}

static void plain_devices(void) {
    reset(true);
    add_device(nullptr, 1);
    add(nullptr, 2, 0, 0x00011af4, 0x020000, 0x80);
    add(nullptr, 2, 3, 0x00021af4, 0x010000, 0);
    add(nullptr, 3, 0, 0x00031af4, 0x020000, 0);
    add(nullptr, 3, 1, 0x00041af4, 0x020000, 0); // not seen: function 0 does not say that there are more
    add(nullptr, 4, 0, 0x00000000, 0, 0);
    pci_scan();
    is(pci.count, 4, "devices, and functions of those that have several");
    ok(found(0, 1) != nullptr && found(0, 1)->class == 0x070002 && found(0, 1)->vendor == 0x1b36, "with their class");
    ok(found(0, 4) == nullptr, "an id of zero is nothing");
}

static void ranges(void) {
    reset(false);
    struct function *f = add_device(nullptr, 1);
    set_bar(f, 0, PCI_BAR_IO | 0xc060, 0xfff8);               // I/O, 8 ports, upper half not there
    set_bar(f, 1, 0xfe000000, 0xfffff000);                    // 4 KiB
    set_bar(f, 2, PCI_BAR_64 | PCI_BAR_PREFETCH, 0xffffc000); // 64 bits, 16 KiB
    set_bar(f, 3, 0x40, ~0u);
    set_bar(f, 5, PCI_BAR_64, 0xfffff000); // says 64 bits, but is the last
    f->config[1] = COMMAND_IO | COMMAND_MEMORY;
    pci_scan();
    const struct pci_bar *bars = found(0, 1)->bars;
    ok(bars[0].size == 8 && bars[0].address == 0xc060 && bars[0].flags == PCI_BAR_IO, "I/O ports");
    ok(bars[1].size == 4096 && bars[1].address == 0xfe000000 && bars[1].flags == 0, "memory");
    ok(bars[2].size == 16384 && bars[2].address == 0x4000000000 && bars[2].flags == (PCI_BAR_64 | PCI_BAR_PREFETCH),
       "memory anywhere");
    ok(bars[3].size == 0 && bars[4].size == 0, "its upper half is no range, nor is what is not there");
    ok(bars[5].size == 4096 && bars[5].flags == 0, "half a wide range is a narrow one");
    is(f->config[4], PCI_BAR_IO | 0xc060, "the address is what it was");
    is(f->config[1] & 3, COMMAND_IO | COMMAND_MEMORY, "and the device answers again");
}

static void bridges(void) {
    reset(true);
    struct function *outer = add_bridge(nullptr, 2), *inner = add_bridge(outer, 0), *other = add_bridge(nullptr, 5);
    struct function *near = add_device(nullptr, 1), *far = add_device(inner, 3), *last = add_device(other, 1);
    set_bar(near, 0, PCI_BAR_IO, 0xfffffff8);
    set_bar(far, 0, PCI_BAR_IO, 0xfffffff8);
    set_bar(far, 1, 0, 0xffff0000);
    set_bar(last, 0, PCI_BAR_64, 0xfffff000);
    last->bar_masks[1] = ~0u;
    pci_scan();
    is(pci.count, 6, "what is behind bridges is found");
    is(outer->config[6] & 0xffffff, 0x020100, "the outer bridge passes on two buses");
    is(inner->config[6] & 0xffffff, 0x020201, "the inner one one");
    is(other->config[6] & 0xffffff, 0x030300, "the next goes on from there");
    pci_assign();
    is(near->config[4], 0x1001, "I/O addresses begin above the first PC's");
    is(far->config[4], 0x2001, "behind a bridge at its unit");
    is(outer->config[7] & 0xffff, 0x2020, "and both bridges pass");
    is(inner->config[7] & 0xffff, 0x2020, "exactly that");
    is(far->config[5] >= 0x10000000 && far->config[5] % 0x10000 == 0, 1, "memory at a multiple of its size");
    ok(far->config[5] >= (inner->config[8] & 0xfff0u) << 16 && far->config[5] <= (inner->config[8] | 0xfffff),
       "in the stretch that the bridge passes on");
    ok((last->config[4] & ~15u) >= 0x10000000 && last->config[5] == 0, "behind a bridge 64 bits are not used");
    is(other->config[7] & 0xffff, 0x00f0, "a bridge without I/O ports behind it passes none on");
    ok((other->config[9] & 0xfff0) > (other->config[9] >> 16 & 0xfff0), "nor memory of the other kind");
    is(far->config[1] & 7, 0, "devices do not answer before a driver wants it");
    is(inner->config[1] & 7, 7, "bridges do");
}

static void no_room(void) {
    reset(true);
    pci.host.memory32 = (struct arch_pci_window){0x10000000, 0x10000000, 0x100000};
    pci.host.io.size = 0;
    struct function *f = add_device(nullptr, 1);
    set_bar(f, 0, PCI_BAR_IO, 0xfffffff8);
    set_bar(f, 1, 0, 0xfff00000);
    set_bar(f, 2, 0, 0xfff00000);
    set_bar(f, 3, PCI_BAR_64, 0xff000000);
    f->bar_masks[4] = ~0u;
    pci_scan();
    pci_assign();
    const struct pci_bar *bars = found(0, 1)->bars;
    is(bars[0].address, 0, "no I/O window: no I/O address");
    is(bars[1].address, 0x10000000, "the first that fits gets it");
    is(bars[2].address, 0, "the second does not");
    is(bars[3].address, 0x8000000000, "a wide one goes to the upper window");
    is(f->config[8], 0x80, "with both halves written");
}

static void looping_bridges(void) {
    reset(false);
    struct function *bridge = add_bridge(nullptr, 1);
    bridge->config[6] = 0x000000ff0000 | 0x0000; // secondary 0: back to the first bus
    add_device(bridge, 2);
    pci_scan();
    is(pci.count, 1, "a bridge to its own bus is not followed");

    reset(false);
    bridge = add_bridge(nullptr, 1);
    bridge->config[6] = 0xff0500;
    struct function *back = add_bridge(bridge, 0);
    back->config[6] = 0xff0505; // to the bus that it is on
    struct function *above = add_bridge(nullptr, 2);
    above->config[6] = 0x030400; // ends before it begins
    pci_scan();
    is(pci.count, 3, "nor one to a bus that was walked, or that ends before it begins");

    reset(true);
    functions[0] = (struct function){.stuck = true};
    functions[0].config[0] = 0x000c1b36;
    functions[0].config[3] = 0x810000; // every function of every slot of every bus is a bridge
    function_count = 1;
    all_answer = true;
    pci_scan();
    is(pci.count, PCI_DEVICES_MAX, "bridges without end: the walk ends");
    ok(reads < 40000, "soon (%u reads)", reads);
}

static void bad_headers(void) {
    reset(true);
    struct function *f = add(nullptr, 1, 0, 0x12345678, 0x060700, 2); // CardBus
    f->config[CONFIG_PIN / 4] = 0xff00;
    add(nullptr, 2, 0, 0x12345678, 0xffffff, 0x7f);
    add_device(nullptr, 3)->stuck = true;
    set_bar(&functions[2], 0, ~0u, 0);
    pci_scan();
    pci_assign();
    is(pci.count, 3, "unknown headers are listed");
    is(found(0, 1)->bars[0].size, 0, "without ranges");
    is(found(0, 1)->pin, 0, "and a pin that does not exist is none");
    is(found(0, 3)->bars[0].size, 0, "a range that is all ones is none");
}

int main(void) {
    nothing_there();
    plain_devices();
    ranges();
    bridges();
    no_room();
    looping_bridges();
    bad_headers();
    return tap_done();
}

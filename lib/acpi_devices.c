// SPDX-License-Identifier: MPL-2.0
// Declarations in byte code: Scope and Device hold terms, Name gives a constant. See lib/acpi_devices.h.
//
// A list of terms is read up to the first one whose length we cannot tell; the rest of that list is left out, and the
// list around it goes on, as its parts say how long they are.

#include "acpi_priv.h"
#include <lib/acpi_devices.h>
#include <lib/string.h>

enum { DEPTH_MAX = 8, TERMS_MAX = 20000, LINKS_MAX = 16, NAME_SIZE = 4, HID_SIZE = 8 };
enum {
    OP_ZERO = 0x00,
    OP_ONE = 0x01,
    OP_NAME = 0x08,
    OP_BYTE = 0x0a,
    OP_WORD = 0x0b,
    OP_DWORD = 0x0c,
    OP_STRING = 0x0d,
    OP_QWORD = 0x0e,
    OP_SCOPE = 0x10,
    OP_BUFFER = 0x11,
    OP_PACKAGE = 0x12,
    OP_VARIABLE_PACKAGE = 0x13, // whose number of elements is any integer
    OP_METHOD = 0x14,
    OP_EXTENDED = 0x5b,
    OP_ONES = 0xff
};
enum { EXTENDED_FIELD = 0x81, EXTENDED_DEVICE = 0x82, EXTENDED_LAST = 0x85 }; // those from FIELD on have a length
enum { RESOURCE_MEMORY32 = 0x86, RESOURCE_DWORD = 0x87, RESOURCE_IRQ = 0x89, RESOURCE_QWORD = 0x8a };
enum { SPACE_MEMORY = 0, SPACE_IO = 1, IRQ_EDGE = 2 };

struct device {
    char name[NAME_SIZE];
    char hid[HID_SIZE + 1];
    struct acpi_slot slot; // of _CRS: the first memory and the first interrupt
    struct acpi_window io, memory32, memory64;
};

struct scan {
    struct table code;
    struct acpi_devices *out;
    unsigned terms; // seen so far
    struct device links[LINKS_MAX];
    unsigned link_count;
    char routes[ACPI_PCI_LINES][NAME_SIZE]; // the link that pin A of a slot arrives at
};

// --- pieces. Each returns where the next one begins; 0: this is none. ---

// A length counts its own bytes: *end is where the part ends that began at `at`.
static uint32_t read_length(const struct table *code, uint32_t at, uint32_t limit, uint32_t *end) {
    if (at >= limit)
        return 0;
    uint8_t first = read8(code, at);
    unsigned more = first >> 6;
    uint32_t length = more == 0 ? first & 0x3f : first & 0x0f;
    if (more >= limit - at)
        return 0;
    for (unsigned i = 0; i < more; i++)
        length |= (uint32_t)read8(code, at + 1 + i) << (4 + 8 * i);
    if (length < 1 + more || length > limit - at)
        return 0;
    *end = at + length;
    return at + 1 + more;
}

// The last part of a name with or without a path in front.
static uint32_t read_name(const struct table *code, uint32_t at, uint32_t limit, char *name) {
    unsigned parts = 1;
    while (at < limit && (read8(code, at) == '\\' || read8(code, at) == '^'))
        at++;
    if (at < limit && read8(code, at) == 0x2e)
        parts = 2, at++;
    else if (at < limit && read8(code, at) == 0x2f)
        parts = read8(code, at + 1), at += 2;
    if (parts == 0 || at >= limit || parts * NAME_SIZE > limit - at)
        return 0;
    for (unsigned i = 0; i < parts * NAME_SIZE; i++) {
        uint8_t c = read8(code, at + i);
        if (!(c == '_' || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
            return 0;
    }
    at += parts * NAME_SIZE;
    memcpy(name, code->bytes + at - NAME_SIZE, NAME_SIZE);
    return at;
}

static uint32_t read_integer(const struct table *code, uint32_t at, uint32_t limit, uint64_t *value) {
    if (at >= limit)
        return 0;
    unsigned size = 0;
    switch (read8(code, at)) {
    case OP_ZERO:
    case OP_ONE:
        *value = read8(code, at);
        return at + 1;
    case OP_ONES:
        *value = UINT64_MAX;
        return at + 1;
    case OP_BYTE:
        size = 1;
        break;
    case OP_WORD:
        size = 2;
        break;
    case OP_DWORD:
        size = 4;
        break;
    case OP_QWORD:
        size = 8;
        break;
    default:
        return 0;
    }
    if (size >= limit - at)
        return 0;
    *value = read_bytes(code, at + 1, size);
    return at + 1 + size;
}

// Any constant.
static uint32_t skip_constant(const struct table *code, uint32_t at, uint32_t limit) {
    uint64_t value;
    uint32_t end, next = read_integer(code, at, limit, &value);
    if (next != 0)
        return next;
    switch (read8(code, at)) {
    case OP_STRING:
        for (end = at + 1; end < limit; end++) {
            if (read8(code, end) == 0)
                return end + 1;
        }
        return 0;
    case OP_BUFFER:
    case OP_PACKAGE:
    case OP_VARIABLE_PACKAGE:
        return read_length(code, at + 1, limit, &end) != 0 ? end : 0;
    default:
        return 0;
    }
}

// --- what a Name can tell ---

// Text, or a number that packs three letters and four hexadecimal digits.
static void take_hid(const struct table *code, uint32_t at, uint32_t limit, struct device *device) {
    static const char digits[] = "0123456789ABCDEF";
    uint64_t packed;
    if (read8(code, at) == OP_STRING) {
        for (unsigned i = 0; i < HID_SIZE && at + 1 + i < limit; i++)
            device->hid[i] = (char)read8(code, at + 1 + i);
        return;
    }
    if (read_integer(code, at, limit, &packed) == 0)
        return;
    uint32_t id = (uint32_t)(packed >> 24 & 0xff) | (uint32_t)(packed >> 8 & 0xff00) |
                  (uint32_t)(packed << 8 & 0xff0000) | (uint32_t)packed << 24;
    for (unsigned i = 0; i < 3; i++)
        device->hid[i] = (char)('@' + (id >> (26 - 5 * i) & 0x1f));
    for (unsigned i = 0; i < 4; i++)
        device->hid[3 + i] = digits[id >> (12 - 4 * i) & 0xf];
}

// An address space of a bus: kind, and then minimum, translation and size with `width` bytes each, after a granularity.
static void take_window(const struct table *code, uint32_t at, unsigned width, struct device *device) {
    uint8_t space = read8(code, at + 3);
    uint32_t numbers = at + 6;
    uint64_t low = read_bytes(code, numbers + width, width);
    struct acpi_window window = {.bus = low,
                                 .cpu = low + read_bytes(code, numbers + 3 * width, width),
                                 .size = read_bytes(code, numbers + 4 * width, width)};
    if (space == SPACE_IO)
        device->io = window;
    else if (space == SPACE_MEMORY && low <= UINT32_MAX)
        device->memory32 = window;
    else if (space == SPACE_MEMORY)
        device->memory64 = window;
}

// A buffer of resources: small ones (one byte with their length) and large ones.
static void take_resources(const struct table *code, uint32_t at, uint32_t limit, struct device *device) {
    uint32_t end, size;
    uint64_t claimed;
    if (read8(code, at) != OP_BUFFER || (at = read_length(code, at + 1, limit, &end)) == 0 ||
        (at = read_integer(code, at, end, &claimed)) == 0)
        return;
    for (; at < end; at += size) {
        uint8_t type = read8(code, at);
        bool large = type & 0x80;
        size = large ? 3u + read16(code, at + 1) : 1u + (type & 7);
        if (size > end - at)
            return;
        if (type == RESOURCE_MEMORY32 && size >= 12 && device->slot.size == 0) {
            device->slot.address = read32(code, at + 4);
            device->slot.size = read32(code, at + 8);
        } else if (type == RESOURCE_IRQ && size >= 9 && read8(code, at + 4) != 0 && device->slot.irq == 0) {
            device->slot.irq = read32(code, at + 5);
            device->slot.edge = (read8(code, at + 3) & IRQ_EDGE) != 0;
        } else if (type == RESOURCE_DWORD && size >= 26) {
            take_window(code, at, 4, device);
        } else if (type == RESOURCE_QWORD && size >= 46) {
            take_window(code, at, 8, device);
        }
    }
}

// One row of PCI's routes: address (slot in the upper half), pin, link or zero, index or line.
static void take_route(struct scan *scan, uint32_t at, uint32_t limit) {
    uint64_t address, pin;
    char link[NAME_SIZE];
    if ((at = read_integer(&scan->code, at, limit, &address)) == 0 ||
        (at = read_integer(&scan->code, at, limit, &pin)) == 0 || pin != 0 || address >> 16 >= ACPI_PCI_LINES)
        return;
    uint64_t slot = address >> 16, zero, line;
    if (read_name(&scan->code, at, limit, link) != 0)
        memcpy(scan->routes[slot], link, NAME_SIZE);
    else if ((at = read_integer(&scan->code, at, limit, &zero)) != 0 &&
             read_integer(&scan->code, at, limit, &line) != 0)
        scan->out->pci_lines[slot].irq = (uint32_t)line;
}

static void take_routes(struct scan *scan, uint32_t at, uint32_t limit) {
    uint32_t end, row_end;
    uint64_t rows;
    uint8_t op = read8(&scan->code, at);
    if ((op != OP_PACKAGE && op != OP_VARIABLE_PACKAGE) || (at = read_length(&scan->code, at + 1, limit, &end)) == 0)
        return;
    at = op == OP_PACKAGE ? at + 1 : read_integer(&scan->code, at, end, &rows);
    for (; at != 0 && at < end && read8(&scan->code, at) == OP_PACKAGE; at = row_end) {
        uint32_t row = read_length(&scan->code, at + 1, end, &row_end);
        if (row == 0)
            return;
        take_route(scan, row + 1, row_end);
    }
}

// --- devices ---

static void device_done(struct scan *scan, const struct device *device) {
    struct acpi_devices *out = scan->out;
    if (strcmp(device->hid, "LNRO0005") == 0 && device->slot.size != 0 && out->virtio_count < ACPI_SLOTS_MAX) {
        out->virtio[out->virtio_count++] = device->slot;
    } else if ((strcmp(device->hid, "PNP0A08") == 0 || strcmp(device->hid, "PNP0A03") == 0) &&
               out->pci_memory32.size == 0) {
        out->pci_io = device->io;
        out->pci_memory32 = device->memory32;
        out->pci_memory64 = device->memory64;
    } else if (strcmp(device->hid, "PNP0C0F") == 0 && scan->link_count < LINKS_MAX) {
        scan->links[scan->link_count++] = *device;
    }
}

static uint32_t take_name(struct scan *scan, uint32_t at, uint32_t end, struct device *device) {
    char name[NAME_SIZE];
    uint32_t value = read_name(&scan->code, at, end, name);
    uint32_t next = value != 0 ? skip_constant(&scan->code, value, end) : 0;
    if (next == 0)
        return 0;
    if (memcmp(name, "_HID", NAME_SIZE) == 0)
        take_hid(&scan->code, value, next, device);
    else if (memcmp(name, "_CRS", NAME_SIZE) == 0)
        take_resources(&scan->code, value, next, device);
    else if (memcmp(name, "_PRT", NAME_SIZE) == 0)
        take_routes(scan, value, next);
    return next;
}

static void read_terms(struct scan *scan, uint32_t at, uint32_t end, struct device *device, unsigned depth) {
    while (at != 0 && at < end && scan->terms++ < TERMS_MAX) {
        uint8_t op = read8(&scan->code, at), extended = op == OP_EXTENDED ? read8(&scan->code, at + 1) : 0;
        uint32_t inner_end = 0, start = at + (op == OP_EXTENDED ? 2 : 1);
        if (op == OP_NAME) {
            at = take_name(scan, start, end, device);
            continue;
        }
        if (op != OP_SCOPE && op != OP_METHOD && (extended < EXTENDED_FIELD || extended > EXTENDED_LAST))
            return; // we cannot tell where it ends
        uint32_t inner = read_length(&scan->code, start, end, &inner_end);
        if (inner == 0)
            return;
        at = inner_end;
        struct device below = {};
        bool holds_terms = op == OP_SCOPE || extended == EXTENDED_DEVICE;
        if (!holds_terms || depth == DEPTH_MAX || (inner = read_name(&scan->code, inner, inner_end, below.name)) == 0)
            continue;
        read_terms(scan, inner, inner_end, &below, depth + 1);
        if (extended == EXTENDED_DEVICE)
            device_done(scan, &below);
    }
}

static void resolve_routes(struct scan *scan) {
    for (unsigned slot = 0; slot < ACPI_PCI_LINES; slot++) {
        for (unsigned i = 0; i < scan->link_count; i++) {
            if (scan->routes[slot][0] != '\0' && memcmp(scan->routes[slot], scan->links[i].name, NAME_SIZE) == 0)
                scan->out->pci_lines[slot] = scan->links[i].slot;
        }
    }
}

void acpi_find_devices(const struct acpi_memory *memory, struct acpi_info *info, struct acpi_devices *out) {
    static struct scan scan;
    memset(out, 0, sizeof *out);
    scan = (struct scan){.out = out};
    if (!acpi_open_table(memory, info->dsdt, info, &scan.code))
        return;
    struct device outside = {};
    read_terms(&scan, ACPI_TABLE_HEADER_SIZE, scan.code.size, &outside, 0);
    resolve_routes(&scan);
}

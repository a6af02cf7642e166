// SPDX-License-Identifier: MPL-2.0
// Devices in byte code: a DSDT as virtual machines have it, assembled here, and the same with all kinds of damage.

#include <lib/acpi_devices.h>
#include <stdlib.h>
#include <tap.h>

enum { BASE = 0x1000, ROOM = 8192, HEADER = 36 };

// --- an assembler of byte code. `open` leaves two bytes for the length that `close` fills in. ---

static unsigned char code[ROOM];
static unsigned used;

static void put(const void *bytes, size_t size) {
    memcpy(code + used, bytes, size);
    used += (unsigned)size;
}
#define PUT(...) put((const unsigned char[]){__VA_ARGS__}, sizeof((const unsigned char[]){__VA_ARGS__}))

static void put32(uint32_t value) {
    PUT((unsigned char)value, (unsigned char)(value >> 8), (unsigned char)(value >> 16), (unsigned char)(value >> 24));
}

static void put64(uint64_t value) {
    put32((uint32_t)value), put32((uint32_t)(value >> 32));
}

static unsigned open_part(void) {
    used += 2;
    return used - 2;
}

static void close_part(unsigned at) {
    unsigned length = used - at;
    code[at] = (unsigned char)(0x40 | (length & 0xf));
    code[at + 1] = (unsigned char)(length >> 4);
}

static unsigned begin_device(const char *name) {
    PUT(0x5b, 0x82);
    unsigned at = open_part();
    put(name, 4);
    return at;
}

static void hid(const char *id) {
    PUT(0x08), put("_HID", 4), PUT(0x0d), put(id, strlen(id) + 1);
}

static unsigned begin_resources(void) {
    PUT(0x08), put("_CRS", 4), PUT(0x11);
    unsigned at = open_part();
    PUT(0x0b, 0xff, 0x00); // its size; the length around it counts
    return at;
}

static void end_resources(unsigned at) {
    PUT(0x79, 0);
    close_part(at);
}

static void memory32(uint32_t address, uint32_t size) {
    PUT(0x86, 9, 0, 1), put32(address), put32(size);
}

static void interrupt(uint32_t line, bool edge) {
    PUT(0x89, 6, 0, edge ? 3 : 1, 1), put32(line);
}

static void window32(unsigned char kind, uint32_t low, uint32_t translation, uint32_t size) {
    PUT(0x87, 23, 0, kind, 0, 0), put32(0), put32(low), put32(low + size - 1), put32(translation), put32(size);
}

static void route(unsigned slot, unsigned char pin, const char *link, unsigned char line) {
    PUT(0x12);
    unsigned at = open_part();
    PUT(4), PUT(0x0c), put32(slot << 16 | 0xffff), PUT(0x0a, pin);
    link != NULL ? put(link, 4) : PUT(0x00);
    PUT(0x0a, line);
    close_part(at);
}

static void make_virtio(const char *name, uint32_t address, uint32_t line) {
    unsigned device = begin_device(name);
    hid("LNRO0005");
    PUT(0x08), put("_UID", 4), PUT(0x01);
    unsigned resources = begin_resources();
    memory32(address, 0x200), interrupt(line, true);
    end_resources(resources), close_part(device);
}

static void make_link(const char *name, uint32_t line) {
    unsigned device = begin_device(name);
    PUT(0x08), put("_HID", 4), PUT(0x0c, 0x41, 0xd0, 0x0c, 0x0f); // PNP0C0F, packed
    unsigned resources = begin_resources();
    interrupt(line, false);
    end_resources(resources), close_part(device);
}

static void make_pci(void) {
    unsigned device = begin_device("PCI0");
    hid("PNP0A08");
    PUT(0x08), put("_PRT", 4), PUT(0x13);
    unsigned routes = open_part();
    PUT(0x0a, 4);
    route(0, 0, "LNKB", 0), route(0, 1, "LNKA", 0), route(1, 0, NULL, 44), route(9, 0, "LNKA", 0);
    close_part(routes);
    make_link("LNKA", 40), make_link("LNKB", 41);
    PUT(0x14); // a method, to be stepped over: what is in it looks like a device
    unsigned method = open_part();
    put("_OSC", 4), PUT(4), make_virtio("FAKE", 0x666, 66), close_part(method);
    unsigned resources = begin_resources();
    PUT(0x88, 13, 0, 2, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0, 1); // buses
    window32(0, 0x10000000, 0, 0x20000000), window32(1, 0, 0x3eff0000, 0x10000);
    PUT(0x8a, 43, 0, 0, 0, 0), put64(0), put64(0x8000000000), put64(0x8000000fff), put64(0), put64(0x1000);
    end_resources(resources), close_part(device);
}

// --- the parser's view ---

static unsigned char *heap; // as large as the table, so that the sanitizer knows its end

static const void *map(const struct acpi_memory *self, uint64_t start, size_t size) {
    return start >= BASE && start - BASE <= used && size <= used - (start - BASE) ? heap + (start - BASE) : NULL;
}

static void seal(void) {
    unsigned char sum = 0;
    memcpy(code, "DSDT", 4);
    code[4] = (unsigned char)used, code[5] = (unsigned char)(used >> 8), code[9] = 0;
    for (unsigned i = 0; i < used; i++)
        sum = (unsigned char)(sum + code[i]);
    code[9] = (unsigned char)-sum;
    free(heap);
    heap = malloc(used);
    memcpy(heap, code, used);
}

static const struct acpi_devices *find(void) {
    static const struct acpi_memory memory = {map};
    static struct acpi_devices devices;
    struct acpi_info info = {.dsdt = BASE};
    seal();
    acpi_find_devices(&memory, &info, &devices);
    return &devices;
}

static void make_all(void) {
    used = HEADER;
    PUT(0x10); // Scope(\_SB)
    unsigned scope = open_part();
    put("\\_SB_", 5);
    make_virtio("VR00", 0xa000000, 48);
    make_pci();
    make_virtio("VR01", 0xa000200, 49);
    unsigned odd = begin_device("ODD0"); // a list that ends in something unknown
    hid("PNP0C0C"), PUT(0xde, 0xad, 0xbe, 0xef), close_part(odd);
    make_virtio("VR02", 0xa000400, 50);
    close_part(scope);
    make_virtio("VR03", 0xa000600, 51);
}

static void test_good(void) {
    make_all();
    const struct acpi_devices *found = find();
    is(found->virtio_count, 4, "devices in a scope and outside, none in a method");
    ok(found->virtio[1].address == 0xa000200 && found->virtio[1].size == 0x200 && found->virtio[1].irq == 49 &&
           found->virtio[1].edge,
       "memory and interrupt of a device");
    ok(found->pci_memory32.bus == 0x10000000 && found->pci_memory32.cpu == 0x10000000 &&
           found->pci_memory32.size == 0x20000000,
       "PCI's memory");
    ok(found->pci_memory64.bus == 0x8000000000 && found->pci_memory64.size == 0x1000, "above 4 GiB");
    ok(found->pci_io.bus == 0 && found->pci_io.cpu == 0x3eff0000 && found->pci_io.size == 0x10000,
       "I/O, which is elsewhere for the processor");
    is(found->pci_lines[0].irq, 41, "the line of a slot, by a link");
    is(found->pci_lines[1].irq, 44, "and by its number");
    is(found->pci_lines[2].irq, 0, "a slot without route");
}

static void test_bad(void) {
    used = HEADER;
    is(find()->virtio_count, 0, "an empty table");
    make_all();
    code[HEADER + 1] |= 0xf, code[HEADER + 2] = 0xff;
    is(find()->virtio_count, 0, "a scope longer than its table");
    used = HEADER;
    unsigned depths[200], depth = 0;
    while (depth < 200)
        depths[depth++] = begin_device("DEEP");
    while (depth > 0)
        close_part(depths[--depth]);
    make_virtio("VR00", 0xa000000, 48);
    is(find()->virtio_count, 1, "devices in devices without end are not followed");
    used = HEADER;
    for (unsigned i = 0; i < ACPI_SLOTS_MAX + 5; i++)
        make_virtio("VR00", 0xa000000 + i * 0x200, 48 + i);
    is(find()->virtio_count, ACPI_SLOTS_MAX, "no more devices than there is room for");
}

static void test_random(void) {
    bool good = true;
    srand(4);
    for (int round = 0; round < 50000 && good; round++) {
        make_all();
        for (int i = 1 + rand() % 6; i > 0; i--)
            code[HEADER + rand() % (int)(used - HEADER)] = (unsigned char)rand();
        if (rand() % 4 == 0)
            used = HEADER + (unsigned)rand() % (used - HEADER);
        const struct acpi_devices *found = find();
        good = found->virtio_count <= ACPI_SLOTS_MAX;
    }
    ok(good, "damaged byte code does no harm");
}

int main(void) {
    test_good();
    test_bad();
    test_random();
    free(heap);
    return tap_done();
}

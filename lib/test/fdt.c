// SPDX-License-Identifier: MPL-2.0
// The device tree parser, on trees made here: a good one, and the same with every kind of damage. The blob lies at the
// end of a piece of heap, so that the sanitizer sees every read beyond it.

#include <lib/fdt.h>
#include <stdlib.h>
#include <tap.h>

enum { BEGIN = 1, END = 2, PROPERTY = 3, NOTHING = 4, FINISH = 9 };
enum { HEADER = 40, ROOM = 1 << 16 };

// --- making trees ---

static unsigned char structure[ROOM], strings[ROOM];
static unsigned structure_size, strings_size;

static void put32(unsigned char *at, uint64_t value) {
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(value >> (24 - 8 * i));
}

static void token(uint32_t value) {
    put32(structure + structure_size, value);
    structure_size += 4;
}

static void bytes(const void *from, size_t size) {
    memcpy(structure + structure_size, from, size);
    memset(structure + structure_size + size, 0, 3);
    structure_size += (unsigned)(size + 3) & ~3u;
}

static void begin(const char *name) {
    token(BEGIN);
    bytes(name, strlen(name) + 1);
}

static unsigned string_offset(const char *name) {
    for (unsigned at = 0; at < strings_size; at += (unsigned)strlen((char *)strings + at) + 1) {
        if (strcmp((char *)strings + at, name) == 0)
            return at;
    }
    memcpy(strings + strings_size, name, strlen(name) + 1);
    strings_size += (unsigned)strlen(name) + 1;
    return strings_size - (unsigned)strlen(name) - 1;
}

static void property(const char *name, const void *value, size_t size) {
    token(PROPERTY);
    token((uint32_t)size);
    token(string_offset(name));
    bytes(value, size);
}

static void text(const char *name, const char *value) {
    property(name, value, strlen(value) + 1);
}

static void cells(const char *name, const uint32_t *list, size_t count) {
    unsigned char big[256];
    for (size_t i = 0; i < count; i++)
        put32(big + 4 * i, list[i]);
    property(name, big, 4 * count);
}
#define LIST(...) ((const uint32_t[]){__VA_ARGS__})
#define CELLS(name, ...) cells(name, LIST(__VA_ARGS__), sizeof LIST(__VA_ARGS__) / 4)

// A machine in small: a controller, a bus that shifts addresses, a device on it, a PCI host.
static void make_structure(void) {
    structure_size = strings_size = 0;
    token(NOTHING);
    begin("");
    text("model", "a test");
    CELLS("#address-cells", 2);
    CELLS("#size-cells", 2);
    CELLS("interrupt-parent", 1);
    begin("aliases"), text("serial0", "/bus@8000000/uart@1000"), token(END);
    begin("intc@40000");
    CELLS("reg", 0, 0x40000, 0, 0x1000, 1, 0x50000, 0, 0x2000);
    CELLS("phandle", 1);
    CELLS("#interrupt-cells", 3);
    CELLS("#address-cells", 2);
    token(END);
    begin("bus@8000000");
    property("ranges", "\0\0\0\0\0\0\0\0\x08\0\0\0\0\0\x20\0", 16); // 0 … 0x2000 is at 0x8000000
    CELLS("#address-cells", 1);
    CELLS("#size-cells", 1);
    begin("uart@1000");
    property("compatible", "arm,pl011\0arm,primecell", 24);
    CELLS("reg", 0x1000, 0x100, 0x1f00, 0x200);
    token(NOTHING);
    CELLS("interrupts", 0, 33, 4, 0, 34, 1);
    token(END);
    token(END);
    begin("off@0"), text("compatible", "arm,pl031"), text("status", "disabled"), token(END);
    begin("clock"), text("compatible", "arm,pl031"), CELLS("interrupts-extended", 1, 0, 7, 4, 1, 0, 8, 4), token(END);
    begin("pcie");
    CELLS("#address-cells", 3);
    CELLS("#interrupt-cells", 1);
    CELLS("interrupt-map-mask", 0x1800, 0, 0, 7);
    CELLS("interrupt-map", 0, 0, 0, 1, 1, 0, 0, 0, 3, 4, 0x800, 0, 0, 1, 1, 0, 0, 0, 4, 4);
    token(END);
    token(END);
    token(FINISH);
}

static unsigned char *heap;
static unsigned size;

// Header, reservations, structure, strings.
static void assemble(void) {
    free(heap);
    size = HEADER + 32 + structure_size + strings_size;
    heap = calloc(1, size);
    const uint32_t header[] = {0xd00dfeed, size,         HEADER + 32,   HEADER + 32 + structure_size, HEADER, 17, 16,
                               0,          strings_size, structure_size};
    for (unsigned i = 0; i < 10; i++)
        put32(heap + 4ul * i, header[i]);
    put32(heap + HEADER + 4, 0x9000);
    put32(heap + HEADER + 12, 0x800);
    memcpy(heap + HEADER + 32, structure, structure_size);
    memcpy(heap + HEADER + 32 + structure_size, strings, strings_size);
}

static void make(void) {
    make_structure();
    assemble();
}

// --- good ---

static struct fdt open_good(void) {
    struct fdt tree = {};
    make();
    is(fdt_open(heap, size, &tree), FDT_GOOD, "the tree is good");
    return tree;
}

static void test_nodes(void) {
    struct fdt tree = open_good();
    fdt_node root = fdt_root(&tree), bus = fdt_find_path(&tree, "/bus"), uart = fdt_find_path(&tree, "serial0:115200");
    ok(strcmp(fdt_name(&tree, root), "") == 0 && fdt_parent(&tree, root) == FDT_NONE, "the root");
    is(strcmp(fdt_string(&tree, root, "model"), "a test"), 0, "text");
    ok(fdt_string(&tree, uart, "reg") != NULL, "a number that ends in 0 reads as text"); // 0x200: ends with a 0 byte
    ok(fdt_string(&tree, root, "none") == NULL, "no such property");
    is(strcmp(fdt_name(&tree, uart), "uart@1000"), 0, "found by an alias");
    is(uart, fdt_find_path(&tree, "/bus@8000000/uart"), "and by its path");
    is(fdt_find_path(&tree, "/bus@8/uart"), FDT_NONE, "a wrong unit address");
    is(fdt_find_path(&tree, "/bu"), FDT_NONE, "half a name");
    is(fdt_find_path(&tree, "serial"), FDT_NONE, "no such alias");
    is(fdt_find_path(&tree, "/"), root, "the root by its path");
    is(fdt_parent(&tree, uart), bus, "parent");
    is(fdt_child(&tree, bus), uart, "child");
    is(fdt_child(&tree, uart), FDT_NONE, "no child");
    is(fdt_sibling(&tree, uart), FDT_NONE, "no sibling");
    is(fdt_sibling(&tree, bus), fdt_find_path(&tree, "/off"), "sibling");
    is(fdt_sibling(&tree, root), FDT_NONE, "nothing is beside the root");
    unsigned count = 0;
    for (fdt_node node = root; node != FDT_NONE; node = fdt_next(&tree, node))
        count++;
    is(count, 8, "all nodes in turn");
    is(fdt_find_compatible(&tree, FDT_NONE, "arm,primecell"), uart, "second of its compatible names");
    is(fdt_find_compatible(&tree, uart, "arm,primecell"), FDT_NONE, "the only one");
    is(fdt_find_compatible(&tree, FDT_NONE, "arm"), FDT_NONE, "not by half a name");
    is(fdt_find_compatible(&tree, FDT_NONE, "arm,pl031"), fdt_find_path(&tree, "/clock"), "not a disabled one");
    uint64_t start, length;
    ok(fdt_reservation(&tree, 0, &start, &length) && start == 0x9000 && length == 0x800, "a reservation");
    ok(!fdt_reservation(&tree, 1, &start, &length), "the only one");
}

static void test_addresses(void) {
    struct fdt tree = open_good();
    fdt_node uart = fdt_find_path(&tree, "/bus/uart"), intc = fdt_find_path(&tree, "/intc");
    uint64_t at, length;
    ok(fdt_reg(&tree, intc, 0, &at, &length) && at == 0x40000 && length == 0x1000, "two cells");
    ok(fdt_reg(&tree, intc, 1, &at, &length) && at == 0x100050000 && length == 0x2000, "the second pair");
    ok(!fdt_reg(&tree, intc, 2, &at, &length), "no third");
    ok(fdt_reg(&tree, uart, 0, &at, &length) && at == 0x8001000 && length == 0x100, "translated by its bus");
    ok(!fdt_reg(&tree, uart, 1, &at, &length), "what leaves the bus's window is none");
    ok(!fdt_reg(&tree, fdt_root(&tree), 0, &at, &length), "the root has none");
}

static void test_interrupts(void) {
    struct fdt tree = open_good();
    fdt_node uart = fdt_find_path(&tree, "/bus/uart"), intc = fdt_find_path(&tree, "/intc");
    fdt_node clock = fdt_find_path(&tree, "/clock"), pcie = fdt_find_path(&tree, "/pcie");
    struct fdt_interrupt irq;
    ok(fdt_interrupt(&tree, uart, 1, &irq) && irq.controller == intc && irq.count == 3 && irq.cells[1] == 34 &&
           irq.cells[2] == 1,
       "the parent's parent names the controller");
    ok(!fdt_interrupt(&tree, uart, 2, &irq), "no third");
    ok(fdt_interrupt(&tree, clock, 1, &irq) && irq.cells[1] == 8, "extended");
    ok(!fdt_interrupt(&tree, clock, 2, &irq), "no third");
    ok(fdt_map_interrupt(&tree, pcie, (uint32_t[]){0x2800, 0, 0, 1}, 4, &irq) && irq.cells[1] == 4, "by a PCI map");
    ok(!fdt_map_interrupt(&tree, pcie, (uint32_t[]){0x1000, 0, 0, 1}, 4, &irq), "not in the map");
    ok(!fdt_map_interrupt(&tree, uart, (uint32_t[]){0x1000, 0, 0, 1}, 4, &irq), "no map");
}

// --- bad ---

static enum fdt_problem problem(void) {
    static struct fdt tree;
    return fdt_open(heap, size, &tree);
}

static enum fdt_problem with(unsigned at, uint32_t value) {
    make();
    put32(heap + at, value);
    return problem();
}

static void test_header(void) {
    is(with(0, 0xd00dfeee), FDT_NO_MAGIC, "no magic number");
    is(with(20, 16), FDT_OLD_VERSION, "version 16");
    is(with(24, 18), FDT_OLD_VERSION, "compatible with nothing older than 18");
    is(with(4, size + 1), FDT_OVERSIZED, "larger than its memory");
    is(with(4, FDT_SIZE_MAX + 1), FDT_OVERSIZED, "larger than any");
    is(with(4, 39), FDT_BAD_BLOCKS, "smaller than its header");
    is(with(8, 8), FDT_BAD_BLOCKS, "structure over the header");
    is(with(8, HEADER + 16), FDT_BAD_BLOCKS, "structure over the reservations");
    is(with(8, HEADER + 33), FDT_BAD_BLOCKS, "structure at an odd place");
    is(with(12, HEADER + 32), FDT_BAD_BLOCKS, "strings over the structure");
    is(with(12, UINT32_MAX), FDT_BAD_BLOCKS, "strings beyond the end");
    is(with(16, size - 8), FDT_BAD_BLOCKS, "reservations beyond the end");
    is(with(32, UINT32_MAX), FDT_BAD_BLOCKS, "endless strings");
    is(with(36, UINT32_MAX - 8), FDT_BAD_BLOCKS, "endless structure");
    is(with(36, 0), FDT_TRUNCATED, "no structure");
    make();
    static struct fdt tree;
    is(fdt_open(heap, HEADER - 1, &tree), FDT_TRUNCATED, "half a header");
}

// Every shorter structure is refused, and so is every blob that is cut.
static void test_truncated(void) {
    bool good = true;
    make();
    for (unsigned less = 1; less <= structure_size; less++) {
        put32(heap + 36, structure_size - less);
        good = good && problem() != FDT_GOOD;
    }
    ok(good, "a structure cut at any place");
    make();
    unsigned whole = size;
    for (size = HEADER; size < whole; size++)
        good = good && problem() == FDT_OVERSIZED;
    ok(good, "a blob cut at any place");
    make();
    memset(heap + HEADER + 32 + structure_size / 2, 0, structure_size - structure_size / 2);
    ok(problem() != FDT_GOOD, "zeros from the middle on");
}

static void finish(void) {
    token(FINISH);
    assemble();
}

static void test_structure(void) {
    structure_size = strings_size = 0;
    for (unsigned i = 0; i <= FDT_DEPTH_MAX; i++)
        begin("again");
    finish();
    is(problem(), FDT_TOO_DEEP, "nodes within nodes without end");
    structure_size = 0, begin(""), token(END), begin(""), token(END), finish();
    is(problem(), FDT_BAD_TOKEN, "two roots");
    structure_size = 0, begin(""), finish();
    is(problem(), FDT_TRUNCATED, "a node without end");
    structure_size = 0, begin(""), token(END), token(END), finish();
    is(problem(), FDT_BAD_TOKEN, "an end without node");
    structure_size = 0, finish();
    is(problem(), FDT_BAD_TOKEN, "nothing");
    structure_size = 0, text("a", "b"), finish();
    is(problem(), FDT_BAD_TOKEN, "a property of nobody");
    structure_size = 0, begin(""), begin("a"), token(END), text("a", "b"), token(END), finish();
    is(problem(), FDT_BAD_TOKEN, "a property after a child");
    structure_size = 0, begin(""), token(PROPERTY), token(UINT32_MAX - 3), token(0), token(END), finish();
    is(problem(), FDT_BAD_PROPERTY, "an endless property");
    structure_size = 0, begin(""), token(PROPERTY), token(0), token(1000), token(END), finish();
    is(problem(), FDT_BAD_NAME, "a property's name outside");
    structure_size = 0, begin(""), text("a", "b"), token(END), finish();
    heap[size - 1] = 'x';
    is(problem(), FDT_BAD_NAME, "a property's name without end");
    structure_size = 0, token(BEGIN), memset(structure + 4, 'x', 8), structure_size += 8, assemble();
    is(problem(), FDT_BAD_NAME, "a node's name without end");
    structure_size = 0, begin(""), token(5), token(END), finish();
    is(problem(), FDT_BAD_TOKEN, "an unknown token");
    for (int i = FDT_GOOD; i <= FDT_TOO_DEEP; i++)
        ok(fdt_problem_text((enum fdt_problem)i)[0] != '\0', "a text for problem %d", i);
}

// Trees whose bytes are in order and whose meaning is not.
static void test_rings(void) {
    static struct fdt tree;
    struct fdt_interrupt irq;
    structure_size = strings_size = 0;
    begin("");
    CELLS("#address-cells", 9);
    begin("a"), CELLS("phandle", 1), CELLS("interrupt-parent", 2), CELLS("interrupts", 1), token(END);
    begin("b"), CELLS("phandle", 2), CELLS("interrupt-parent", 1), CELLS("reg", 1, 2, 3, 4), token(END);
    begin("c"), CELLS("phandle", 3), CELLS("interrupt-parent", 3), CELLS("interrupts", 1), token(END);
    begin("d"), CELLS("phandle", 4), CELLS("#interrupt-cells", 0), CELLS("interrupts-extended", 4, 4, 4), token(END);
    begin("e"), CELLS("interrupt-parent", 4), CELLS("interrupts", 1, 2, 3), token(END);
    begin("aliases"), text("x", "x"), token(END);
    token(END);
    finish();
    is(fdt_open(heap, size, &tree), FDT_GOOD, "a tree of rings");
    ok(!fdt_interrupt(&tree, fdt_find_path(&tree, "/a"), 0, &irq), "interrupt parents of each other");
    ok(!fdt_interrupt(&tree, fdt_find_path(&tree, "/c"), 0, &irq), "its own interrupt parent");
    ok(!fdt_interrupt(&tree, fdt_find_path(&tree, "/d"), 5, &irq), "interrupts of no cells, extended");
    ok(!fdt_interrupt(&tree, fdt_find_path(&tree, "/e"), 1, &irq), "interrupts of no cells");
    uint64_t at, length;
    ok(!fdt_reg(&tree, fdt_find_path(&tree, "/b"), 0, &at, &length), "addresses of nine cells");
    is(fdt_find_path(&tree, "x"), FDT_NONE, "an alias of itself");
    is(fdt_find_phandle(&tree, 0), FDT_NONE, "no node is number 0");
}

// Whatever the bytes: no read astray (sanitizer), and an end.
static void test_random(void) {
    static struct fdt tree;
    unsigned survived = 0;
    srand(3);
    for (int round = 0; round < 20000; round++) {
        make();
        for (int i = 1 + rand() % 4; i > 0; i--)
            heap[HEADER + rand() % (int)(size - HEADER)] = (unsigned char)(rand() % 3 ? rand() % 10 : rand());
        if (problem() != FDT_GOOD)
            continue;
        survived++;
        (void)!fdt_open(heap, size, &tree);
        for (fdt_node node = fdt_root(&tree); node != FDT_NONE; node = fdt_next(&tree, node)) {
            struct fdt_interrupt irq;
            uint64_t at, length;
            (void)fdt_parent(&tree, node), (void)fdt_sibling(&tree, node), (void)fdt_child(&tree, node);
            (void)fdt_reg(&tree, node, 0, &at, &length), (void)fdt_interrupt(&tree, node, 1, &irq);
            (void)fdt_map_interrupt(&tree, node, (uint32_t[]){0x800, 0, 0, 1}, 4, &irq);
            (void)fdt_is_compatible(&tree, node, "arm,pl031");
        }
    }
    ok(survived > 100, "damaged trees do no harm");
}

int main(void) {
    test_nodes();
    test_addresses();
    test_interrupts();
    test_header();
    test_truncated();
    test_structure();
    test_rings();
    test_random();
    free(heap);
    return tap_done();
}

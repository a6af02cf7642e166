// SPDX-License-Identifier: MPL-2.0
// The blob of a device tree: header, tokens, nodes, properties. See lib/fdt.h for the rules.
//
// The structure block is a list of tokens: BEGIN name, properties, children, END, …, FINISH. fdt_open reads all of it
// and checks each step. The functions below use the same steps again and so can rely on what they find: every token
// is whole, every BEGIN has its END, and FINISH comes last.

#include <lib/fdt.h>
#include <lib/string.h>

enum { MAGIC = 0xd00dfeed, VERSION = 17, OLDEST_COMPATIBLE = 16 };
enum { TOKEN_BEGIN = 1, TOKEN_END = 2, TOKEN_PROPERTY = 3, TOKEN_NOTHING = 4, TOKEN_FINISH = 9 };
enum { RESERVATION_SIZE = 16 };

static uint32_t read32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint64_t read64(const uint8_t *at) {
    return (uint64_t)read32(at) << 32 | read32(at + 4);
}

// --- checking ---

const char *fdt_problem_text(enum fdt_problem problem) {
    switch (problem) {
    case FDT_GOOD:
        return "good";
    case FDT_NO_MAGIC:
        return "there is none where it should be";
    case FDT_OLD_VERSION:
        return "its version is not 17";
    case FDT_OVERSIZED:
        return "oversized: more than 2 MiB, or than the memory that holds it";
    case FDT_BAD_BLOCKS:
        return "its parts overlap or lie outside of it";
    case FDT_TRUNCATED:
        return "truncated: it ends within a node";
    case FDT_BAD_TOKEN:
        return "damaged or truncated: a token is none";
    case FDT_BAD_NAME:
        return "damaged: a name does not end";
    case FDT_BAD_PROPERTY:
        return "damaged or truncated: a property is longer than the rest";
    case FDT_TOO_DEEP:
        return "looping: nodes within nodes without end";
    }
    return "damaged";
}

enum fdt_problem fdt_total_size(const void *header, uint32_t *size) {
    const uint8_t *bytes = header;
    if (read32(bytes) != MAGIC)
        return FDT_NO_MAGIC;
    if (read32(bytes + 20) < VERSION || read32(bytes + 24) > VERSION || read32(bytes + 24) < OLDEST_COMPATIBLE)
        return FDT_OLD_VERSION;
    if (read32(bytes + 4) > FDT_SIZE_MAX)
        return FDT_OVERSIZED;
    *size = read32(bytes + 4);
    return FDT_GOOD;
}

static bool overlap(uint32_t start, uint32_t end, uint32_t other, uint32_t other_end) {
    return start < other_end && other < end;
}

// Offsets and sizes of the blocks. The list of reservations ends with a pair of zeros.
static bool find_blocks(struct fdt *tree) {
    const uint8_t *bytes = tree->bytes;
    uint32_t structure_size = read32(bytes + 36), strings_size = read32(bytes + 32);
    tree->structure = read32(bytes + 8);
    tree->strings = read32(bytes + 12);
    tree->reservations = read32(bytes + 16);
    if (tree->structure > tree->size || structure_size > tree->size - tree->structure || tree->structure % 4 != 0 ||
        tree->strings > tree->size || strings_size > tree->size - tree->strings || tree->reservations > tree->size)
        return false;
    tree->structure_end = tree->structure + structure_size;
    tree->strings_end = tree->strings + strings_size;
    uint32_t end = tree->reservations;
    do {
        if (tree->size - end < RESERVATION_SIZE)
            return false;
        end += RESERVATION_SIZE;
    } while (read64(bytes + end - 16) != 0 || read64(bytes + end - 8) != 0);
    return tree->structure >= FDT_HEADER_SIZE && tree->strings >= FDT_HEADER_SIZE &&
           tree->reservations >= FDT_HEADER_SIZE &&
           !overlap(tree->structure, tree->structure_end, tree->strings, tree->strings_end) &&
           !overlap(tree->structure, tree->structure_end, tree->reservations, end) &&
           !overlap(tree->strings, tree->strings_end, tree->reservations, end);
}

// One token at `at`, whole and within the block; *next is where the one after it is.
static enum fdt_problem check_token(const struct fdt *tree, uint32_t at, uint32_t *token, uint32_t *next) {
    uint32_t left = tree->structure_end - at;
    if (left < 4)
        return FDT_TRUNCATED;
    *token = read32(tree->bytes + at);
    uint64_t size = 4;
    if (*token == TOKEN_BEGIN) {
        const uint8_t *name = tree->bytes + at + 4, *end = memchr(name, 0, left - 4);
        if (end == nullptr)
            return FDT_BAD_NAME;
        size += (size_t)(end - name) + 1;
    } else if (*token == TOKEN_PROPERTY) {
        if (left < 12)
            return FDT_TRUNCATED;
        uint32_t value = read32(tree->bytes + at + 4), name = read32(tree->bytes + at + 8);
        uint32_t strings = tree->strings_end - tree->strings;
        if (value > left - 12)
            return FDT_BAD_PROPERTY;
        if (name >= strings || memchr(tree->bytes + tree->strings + name, 0, strings - name) == nullptr)
            return FDT_BAD_NAME;
        size += 8 + (uint64_t)value;
    }
    if (ALIGN_UP(size, 4) > left)
        return FDT_TRUNCATED;
    *next = at + (uint32_t)ALIGN_UP(size, 4);
    return FDT_GOOD;
}

// All tokens: one root, every node's properties before its children, an end for each.
static enum fdt_problem check_structure(const struct fdt *tree) {
    unsigned depth = 0, roots = 0;
    bool children = false; // of the innermost node have begun
    uint32_t token, next;
    for (uint32_t at = tree->structure;; at = next) {
        enum fdt_problem problem = check_token(tree, at, &token, &next);
        if (problem != FDT_GOOD)
            return problem;
        switch (token) {
        case TOKEN_BEGIN:
            if (depth == FDT_DEPTH_MAX)
                return FDT_TOO_DEEP;
            if (depth == 0 && roots++ != 0)
                return FDT_BAD_TOKEN;
            depth++;
            children = false;
            break;
        case TOKEN_END:
            if (depth == 0)
                return FDT_BAD_TOKEN;
            depth--;
            children = true;
            break;
        case TOKEN_PROPERTY:
            if (depth == 0 || children)
                return FDT_BAD_TOKEN;
            break;
        case TOKEN_NOTHING:
            break;
        case TOKEN_FINISH:
            return depth != 0 ? FDT_TRUNCATED : roots != 1 ? FDT_BAD_TOKEN : FDT_GOOD;
        default:
            return FDT_BAD_TOKEN;
        }
    }
}

enum fdt_problem fdt_open(const void *bytes, size_t available, struct fdt *out) {
    struct fdt tree = {.bytes = bytes};
    if (available < FDT_HEADER_SIZE)
        return FDT_TRUNCATED;
    enum fdt_problem problem = fdt_total_size(bytes, &tree.size);
    if (problem != FDT_GOOD)
        return problem;
    if (tree.size > available)
        return FDT_OVERSIZED;
    if (tree.size < FDT_HEADER_SIZE || !find_blocks(&tree))
        return FDT_BAD_BLOCKS;
    problem = check_structure(&tree);
    if (problem == FDT_GOOD)
        *out = tree;
    return problem;
}

bool fdt_reservation(const struct fdt *tree, unsigned index, uint64_t *start, uint64_t *size) {
    const uint8_t *at = tree->bytes + tree->reservations;
    for (unsigned i = 0;; i++, at += RESERVATION_SIZE) { // find_blocks saw the pair of zeros that ends it
        if (read64(at) == 0 && read64(at + 8) == 0)
            return false;
        if (i == index)
            break;
    }
    *start = read64(at);
    *size = read64(at + 8);
    return true;
}

// --- moving in a tree that has been checked ---

static uint32_t token_at(const struct fdt *tree, uint32_t at) {
    return read32(tree->bytes + at);
}

static uint32_t after_token(const struct fdt *tree, uint32_t at) {
    uint32_t size = 4;
    if (token_at(tree, at) == TOKEN_BEGIN)
        size += (uint32_t)strlen((const char *)tree->bytes + at + 4) + 1;
    else if (token_at(tree, at) == TOKEN_PROPERTY)
        size += 8 + read32(tree->bytes + at + 4);
    return at + ALIGN_UP(size, 4u);
}

// From `at` on, the first token that is neither a property nor nothing.
static uint32_t skip_properties(const struct fdt *tree, uint32_t at) {
    while (token_at(tree, at) == TOKEN_PROPERTY || token_at(tree, at) == TOKEN_NOTHING)
        at = after_token(tree, at);
    return at;
}

fdt_node fdt_root(const struct fdt *tree) {
    return skip_properties(tree, tree->structure);
}

fdt_node fdt_next(const struct fdt *tree, fdt_node node) {
    uint32_t at = after_token(tree, node);
    while (token_at(tree, at) != TOKEN_BEGIN && token_at(tree, at) != TOKEN_FINISH)
        at = after_token(tree, at);
    return token_at(tree, at) == TOKEN_BEGIN ? at : FDT_NONE;
}

fdt_node fdt_child(const struct fdt *tree, fdt_node node) {
    uint32_t at = skip_properties(tree, after_token(tree, node));
    return token_at(tree, at) == TOKEN_BEGIN ? at : FDT_NONE;
}

fdt_node fdt_sibling(const struct fdt *tree, fdt_node node) {
    uint32_t at = node;
    unsigned depth = 0;
    do {
        depth += token_at(tree, at) == TOKEN_BEGIN;
        depth -= token_at(tree, at) == TOKEN_END;
        at = after_token(tree, at);
    } while (depth != 0);
    at = skip_properties(tree, at);
    return token_at(tree, at) == TOKEN_BEGIN ? at : FDT_NONE;
}

fdt_node fdt_parent(const struct fdt *tree, fdt_node node) {
    fdt_node open[FDT_DEPTH_MAX]; // the nodes that `at` is in
    unsigned depth = 0;
    for (uint32_t at = fdt_root(tree); at < node; at = after_token(tree, at)) {
        if (token_at(tree, at) == TOKEN_BEGIN)
            open[depth++] = at;
        else if (token_at(tree, at) == TOKEN_END)
            depth--;
    }
    return depth != 0 ? open[depth - 1] : FDT_NONE;
}

const char *fdt_name(const struct fdt *tree, fdt_node node) {
    return (const char *)tree->bytes + node + 4;
}

// --- properties ---

bool fdt_property(const struct fdt *tree, fdt_node node, const char *name, struct fdt_property *out) {
    for (uint32_t at = after_token(tree, node);; at = after_token(tree, at)) {
        if (token_at(tree, at) == TOKEN_NOTHING)
            continue;
        if (token_at(tree, at) != TOKEN_PROPERTY)
            return false;
        const char *own = (const char *)tree->bytes + tree->strings + read32(tree->bytes + at + 8);
        if (strcmp(own, name) != 0)
            continue;
        *out = (struct fdt_property){own, tree->bytes + at + 12, read32(tree->bytes + at + 4)};
        return true;
    }
}

const char *fdt_string(const struct fdt *tree, fdt_node node, const char *name) {
    struct fdt_property property;
    if (!fdt_property(tree, node, name, &property) || property.size == 0 || property.value[property.size - 1] != 0)
        return nullptr;
    return (const char *)property.value;
}

uint64_t fdt_cells(const struct fdt_property *property, unsigned index, unsigned count) {
    uint64_t value = 0;
    for (unsigned i = index; i < index + count; i++)
        value = value << 32 | (i < property->size / 4 ? read32(property->value + 4ul * i) : 0);
    return value;
}

uint32_t fdt_cell(const struct fdt *tree, fdt_node node, const char *name, uint32_t otherwise) {
    struct fdt_property property;
    return fdt_property(tree, node, name, &property) && property.size == 4 ? read32(property.value) : otherwise;
}

// --- finding ---

bool fdt_is_compatible(const struct fdt *tree, fdt_node node, const char *what) {
    struct fdt_property list; // of texts, each with its end
    if (!fdt_property(tree, node, "compatible", &list))
        return false;
    size_t length = strlen(what) + 1;
    for (uint32_t at = 0; at < list.size;) {
        const uint8_t *end = memchr(list.value + at, 0, list.size - at);
        if (end == nullptr)
            return false;
        uint32_t next = (uint32_t)(end - list.value) + 1;
        if (next - at == length && memcmp(list.value + at, what, length) == 0)
            return true;
        at = next;
    }
    return false;
}

bool fdt_is_enabled(const struct fdt *tree, fdt_node node) {
    struct fdt_property status;
    if (!fdt_property(tree, node, "status", &status))
        return true;
    const char *text = fdt_string(tree, node, "status");
    return text != nullptr && (strcmp(text, "okay") == 0 || strcmp(text, "ok") == 0);
}

fdt_node fdt_find_compatible(const struct fdt *tree, fdt_node after, const char *what) {
    fdt_node node = after == FDT_NONE ? fdt_root(tree) : fdt_next(tree, after);
    while (node != FDT_NONE && !(fdt_is_compatible(tree, node, what) && fdt_is_enabled(tree, node)))
        node = fdt_next(tree, node);
    return node;
}

fdt_node fdt_find_phandle(const struct fdt *tree, uint32_t phandle) {
    for (fdt_node node = fdt_root(tree); node != FDT_NONE && phandle != 0; node = fdt_next(tree, node)) {
        if (fdt_cell(tree, node, "phandle", 0) == phandle)
            return node;
    }
    return FDT_NONE;
}

// The child called name[0 … length), whose unit address may be left out.
static fdt_node find_child(const struct fdt *tree, fdt_node node, const char *name, size_t length) {
    fdt_node child = fdt_child(tree, node);
    for (; child != FDT_NONE; child = fdt_sibling(tree, child)) {
        const char *own = fdt_name(tree, child);
        if (strncmp(own, name, length) == 0 && (own[length] == '\0' || own[length] == '@'))
            break;
    }
    return child;
}

static size_t component_length(const char *path) {
    size_t length = 0;
    while (path[length] != '\0' && path[length] != '/' && path[length] != ':')
        length++;
    return length;
}

// The path that /aliases gives for the first component of `path`.
static fdt_node find_alias(const struct fdt *tree, const char *path, size_t length) {
    char name[32];
    fdt_node aliases = fdt_find_path(tree, "/aliases");
    if (aliases == FDT_NONE || length == 0 || length >= sizeof name)
        return FDT_NONE;
    memcpy(name, path, length);
    name[length] = '\0';
    const char *target = fdt_string(tree, aliases, name);
    return target != nullptr && target[0] == '/' ? fdt_find_path(tree, target) : FDT_NONE; // no alias of an alias
}

fdt_node fdt_find_path(const struct fdt *tree, const char *path) {
    fdt_node node = fdt_root(tree);
    if (*path != '/') {
        size_t length = component_length(path);
        node = find_alias(tree, path, length);
        path += length;
    }
    while (node != FDT_NONE && *path == '/') {
        path++;
        size_t length = component_length(path);
        if (length != 0)
            node = find_child(tree, node, path, length);
        path += length;
    }
    return node;
}

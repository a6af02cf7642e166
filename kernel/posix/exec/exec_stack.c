// SPDX-License-Identifier: MPL-2.0
// The first stack: from the top down a zero word, the program's path, the environment, the arguments, the platform's
// name, random bytes; then, aligned, the auxiliary vector, envp, argv and argc, where the stack pointer is. It is
// put together in one kernel buffer and written once.
#include "exec_priv.h"
#include <abi/prctl.h>
#include <abi/resource.h>
#include <arch/elf.h>
#include <lib/random.h>
#include <lib/string.h>
#include <mm/slab.h>

enum { AUXV_MAX = 20, RANDOM_SIZE = 16, STACK_EXTRA = 128 * 1024 };

static size_t strings_size(const struct exec_strings *s) {
    return s->used - s->skip;
}

static size_t block_size(const struct exec *exec) {
    unsigned pointers = 1 + exec->prefix.count + exec->argv.count + 1 + exec->envp.count + 1 + 2 * AUXV_MAX;
    size_t strings = sizeof(uint64_t) + strlen(exec->path) + 1 + strings_size(&exec->envp) + strings_size(&exec->argv) +
                     strings_size(&exec->prefix) + sizeof(ARCH_PLATFORM_NAME) + RANDOM_SIZE;
    return ALIGN_UP(strings, 16ul) + ALIGN_UP(pointers * sizeof(uint64_t), 16ul) + 16;
}

// mmap goes downwards from below the room that the stack may grow into.
static vaddr_t mmap_top(vaddr_t stack_top) {
    uint64_t gap = rlimit_current(RLIMIT_STACK);
    gap = MAX(gap, 128ull << 20);
    gap = MIN(gap, (uint64_t)USER_TOP / 6 * 5);
    return ALIGN_DOWN(stack_top - gap - exec_random_offset(28), PAGE_SIZE);
}

status_t exec_map_stack(struct exec *exec) {
    struct aspace *aspace = exec->aspace;
    vaddr_t top = USER_TOP - exec_random_offset(22), start;
    size_t size = ALIGN_UP(block_size(exec) + STACK_EXTRA, PAGE_SIZE);
    struct map_request map = {.address = top - size,
                              .size = size,
                              .flags = REGION_READ | REGION_WRITE | REGION_MAY_WRITE | REGION_GROWS_DOWN |
                                       (exec->image.executable_stack ? REGION_EXEC : 0),
                              .fixed = true,
                              .name = "[stack]"};
    if (size > aspace->limit_stack && exec->argv.used > 0)
        return -E2BIG;
    aspace->mmap_top = mmap_top(top);
    aspace->stack_top = top;
    return aspace_map(aspace, &map, &start);
}

// A kernel copy of the memory that ends at `top`.
struct block {
    char *data;
    vaddr_t start;
    size_t size, low; // `low`: strings reach down to here
};

static vaddr_t push(struct block *b, const void *from, size_t size) {
    b->low -= size;
    memcpy(b->data + b->low, from, size);
    return b->start + b->low;
}

static vaddr_t push_strings(struct block *b, const struct exec_strings *s) {
    return push(b, s->data + s->skip, strings_size(s));
}

static uint64_t *put_pointers(uint64_t *out, const struct exec_strings *s, vaddr_t address) {
    const char *text = s->data + s->skip;
    for (unsigned i = 0; i < s->count; i++) {
        size_t size = strlen(text) + 1;
        *out++ = address;
        address += size;
        text += size;
    }
    return out;
}

struct places {
    vaddr_t path, envp, argv, prefix, platform, random;
};

static unsigned make_auxv(const struct exec *exec, const struct places *at, uint64_t *out) {
    const struct cred *cred = exec->cred ? exec->cred : cred_current();
    const uint64_t auxv[][2] = {
        {AT_SYSINFO_EHDR, exec->aspace->vdso},
        {AT_MINSIGSTKSZ, arch_signal_min_stack()},
        {AT_HWCAP, arch_elf_hwcap()},
        {AT_PAGESZ, PAGE_SIZE},
        {AT_CLKTCK, CLOCK_TICKS},
        {AT_PHDR, exec->table_address},
        {AT_PHENT, sizeof(struct elf_program_header)},
        {AT_PHNUM, exec->table_count},
        {AT_BASE, exec->interpreter_base},
        {AT_FLAGS, 0},
        {AT_ENTRY, exec->program_entry},
        {AT_UID, cred->uid},
        {AT_EUID, cred->euid},
        {AT_GID, cred->gid},
        {AT_EGID, cred->egid},
        {AT_SECURE, exec->secure},
        {AT_RANDOM, at->random},
        {AT_HWCAP2, arch_elf_hwcap2()},
        {AT_EXECFN, at->path},
        {AT_PLATFORM, at->platform},
    };
    static_assert(ARRAY_SIZE(auxv) <= AUXV_MAX);
    static_assert(sizeof(auxv) + 2 * sizeof(uint64_t) <= sizeof(((struct aspace *)0)->auxv));
    unsigned words = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(auxv); i++) {
        out[words++] = auxv[i][0];
        out[words++] = auxv[i][1];
    }
    out[words++] = AT_NULL;
    out[words++] = 0;
    return words;
}

static void fill(struct exec *exec, struct block *b) {
    static const uint64_t zero;
    struct aspace *aspace = exec->aspace;
    struct places at;
    uint8_t random[RANDOM_SIZE];
    random_bytes(random, sizeof(random));
    push(b, &zero, sizeof(zero));
    at.path = push(b, exec->path, strlen(exec->path) + 1);
    at.envp = push_strings(b, &exec->envp);
    at.argv = push_strings(b, &exec->argv);
    at.prefix = push_strings(b, &exec->prefix);
    aspace->arg_start = at.prefix;
    aspace->arg_end = aspace->env_start = at.envp;
    aspace->env_end = at.path;
    at.platform = push(b, ARCH_PLATFORM_NAME, sizeof(ARCH_PLATFORM_NAME));
    at.random = push(b, random, sizeof(random));

    unsigned auxv_words = make_auxv(exec, &at, aspace->auxv);
    unsigned argc = exec->prefix.count + exec->argv.count;
    size_t words = 1 + argc + 1 + exec->envp.count + 1 + auxv_words;
    b->low = ALIGN_DOWN(b->low - words * sizeof(uint64_t), 16ul);
    exec->stack_pointer = b->start + b->low;
    uint64_t *out = (uint64_t *)(b->data + b->low);
    *out++ = argc;
    out = put_pointers(out, &exec->prefix, at.prefix);
    out = put_pointers(out, &exec->argv, at.argv);
    *out++ = 0;
    out = put_pointers(out, &exec->envp, at.envp);
    *out++ = 0;
    memcpy(out, aspace->auxv, auxv_words * sizeof(uint64_t));
}

status_t exec_fill_stack(struct exec *exec) {
    size_t size = block_size(exec) + 2 * sizeof(uint64_t);
    size = ALIGN_UP(size, 16ul);
    struct block b = {.data = kmalloc(size), .start = exec->aspace->stack_top - size, .size = size, .low = size};
    if (!b.data)
        return -ENOMEM;
    fill(exec, &b);
    ssize_t done = aspace_access(exec->aspace, b.start + b.low, b.data + b.low, size - b.low, true, true);
    kfree(b.data);
    if (done < 0)
        return (status_t)done;
    return (size_t)done == size - b.low ? 0 : -EFAULT;
}

// SPDX-License-Identifier: MPL-2.0
// A core file: ELF header, a program header for the notes and one for each region, notes, memory.
//
// Where memory begins is known when the notes are written, so the headers, whose number is known before, are written
// after them, at the beginning. In a pipe there is no way back: there the notes are counted, and written later. Pages
// that are not there stay holes in the file. A file that meets its limit or a full disk just ends there.
#include "core.h"
#include "process/process_priv.h"

#include <abi/elf.h>
#include <arch/thread.h>
#include <lib/string.h>
#include <mm/aspace.h>
#include <mm/slab.h>
#include <object/object.h>
#include <port/elf.h>
#include <vfs/file.h>

enum { ET_CORE = 4, PT_NOTE = 4 };
enum { FILTER_PRIVATE = 1, FILTER_SHARED = 2, FILTER_FILE_PRIVATE = 4, FILTER_FILE_SHARED = 8, FILTER_HEADERS = 16 };

// In a pipe holes are zeros. -EIO: that is behind us; the notes have become longer, for somebody shares the memory.
static status_t skip_to(struct core *core, uint64_t at) {
    static const char zeros[PAGE_SIZE];
    struct uio uio;
    while (core->end < at) {
        if (thread_is_killed())
            return -EINTR;
        uio_init_kernel(&uio, (void *)(uintptr_t)zeros, MIN(at - core->end, (uint64_t)PAGE_SIZE));
        ssize_t done = core->file->ops->write(core->file, &uio, nullptr, 0);
        if (done < 0)
            return (status_t)done;
        core->end += (uint64_t)done;
    }
    return core->end == at ? 0 : -EIO;
}

static status_t put_at(struct core *core, uint64_t at, const void *from, size_t size) {
    if (thread_is_killed())
        return -EINTR;
    if (at + size > core->limit)
        return -EFBIG;
    status_t status = core->stream ? skip_to(core, at) : 0;
    if (status != 0)
        return status;
    struct uio uio;
    loff_t position = (loff_t)at;
    uio_init_kernel(&uio, (void *)(uintptr_t)from, size);
    ssize_t done = core->file->ops->write(core->file, &uio, core->stream ? nullptr : &position, 0);
    if (done < 0)
        return (status_t)done;
    core->end = MAX(core->end, at + (uint64_t)done);
    return (size_t)done == size ? 0 : -ENOSPC;
}

status_t core_put(struct core *core, const void *from, size_t size) {
    status_t status = size > 0 && !core->counts ? put_at(core, core->at, from, size) : 0;
    if (status == 0)
        core->at += size;
    return status;
}

// ---------------------------------------------------------------- which memory

static bool begins_with_elf(struct aspace *aspace, vaddr_t at) {
    char magic[4];
    return aspace_access(aspace, at, magic, sizeof(magic), false, true) == sizeof(magic) &&
           memcmp(magic, "\177ELF", sizeof(magic)) == 0;
}

// Linux's choice: what is shared or a file's and never written to is as it was in the file.
static uint64_t wanted_size(const struct region *region, uint32_t filter) {
    uint64_t whole = region->end - region->start;
    struct region_usage usage;
    if (region->flags & REGION_SPECIAL)
        return region->flags & REGION_EXEC ? whole : 0; // the vDSO's code
    if (region->flags & REGION_NO_DUMP)
        return 0;
    bool file = region->file && object_path(region->file);
    if (region->flags & REGION_SHARED)
        return filter & (file ? FILTER_FILE_SHARED : FILTER_SHARED) ? whole : 0;
    if (!region->vmo)
        return filter & FILTER_PRIVATE ? whole : 0;
    region_usage(region, &usage);
    if ((usage.anonymous > 0 && filter & FILTER_PRIVATE) || filter & FILTER_FILE_PRIVATE)
        return whole;
    return filter & FILTER_HEADERS && region->offset == 0 && region->flags & REGION_READ ? PAGE_SIZE : 0;
}

struct collection {
    struct core *core;
    unsigned room;
    uint32_t filter;
};

static bool add_segment(const struct region *region, void *context) {
    struct collection *all = context;
    struct core *core = all->core;
    if (core->segment_count == all->room)
        return false;
    uint32_t flags = (region->flags & REGION_READ ? PF_R : 0u) | (region->flags & REGION_WRITE ? PF_W : 0u) |
                     (region->flags & REGION_EXEC ? PF_X : 0u);
    core->segments[core->segment_count++] = (struct core_segment){.start = region->start,
                                                                  .end = region->end,
                                                                  .flags = flags,
                                                                  .size = wanted_size(region, all->filter),
                                                                  .anonymous = !region->vmo};
    return true;
}

static bool count_region(const struct region *region, void *context) {
    (void)region;
    ++*(unsigned *)context;
    return true;
}

static status_t collect(struct core *core) {
    struct collection all = {.core = core, .filter = process_current()->coredump_filter};
    aspace_for_each_region(core->aspace, count_region, &all.room);
    core->segments = kcalloc(all.room, sizeof(*core->segments));
    if (!core->segments)
        return -ENOMEM;
    aspace_for_each_region(core->aspace, add_segment, &all);
    for (unsigned i = 0; i < core->segment_count; i++) {
        struct core_segment *s = &core->segments[i];
        if (s->size == PAGE_SIZE && s->end - s->start > PAGE_SIZE && !begins_with_elf(core->aspace, s->start))
            s->size = 0;
    }
    return 0;
}

// ---------------------------------------------------------------- writing

static status_t put_headers(struct core *core, uint64_t notes_at, uint64_t notes_size) {
    struct elf_header header = {.ident = {0x7f, 'E', 'L', 'F', 2, 1, 1},
                                .type = ET_CORE,
                                .machine = ARCH_ELF_MACHINE,
                                .version = 1,
                                .phoff = sizeof(header),
                                .ehsize = sizeof(header),
                                .phentsize = sizeof(struct elf_program_header),
                                .phnum = (uint16_t)(core->segment_count + 1)};
    struct elf_program_header notes = {.type = PT_NOTE, .offset = notes_at, .filesz = notes_size, .align = 4};
    status_t status = put_at(core, 0, &header, sizeof(header));
    uint64_t at = sizeof(header);
    if (status == 0)
        status = put_at(core, at, &notes, sizeof(notes));
    for (unsigned i = 0; i < core->segment_count && status == 0; i++) {
        const struct core_segment *s = &core->segments[i];
        struct elf_program_header load = {.type = PT_LOAD,
                                          .flags = s->flags,
                                          .offset = s->offset,
                                          .vaddr = s->start,
                                          .filesz = s->size,
                                          .memsz = s->end - s->start,
                                          .align = PAGE_SIZE};
        at += sizeof(load);
        status = put_at(core, at, &load, sizeof(load));
    }
    return status;
}

static bool is_zero(const char *page) {
    for (unsigned i = 0; i < PAGE_SIZE / sizeof(uint64_t); i++)
        if (((const uint64_t *)page)[i] != 0)
            return false;
    return true;
}

// Pages that are not there are not made for this: of an anonymous region they are zeros.
static status_t put_segment(struct core *core, const struct core_segment *s) {
    uint8_t there[64];
    status_t status = 0;
    for (uint64_t done = 0; done < s->size && status == 0; done += PAGE_SIZE) {
        uint64_t page = done >> PAGE_SHIFT, left = (s->size - done) >> PAGE_SHIFT;
        if (thread_is_killed())
            return -EINTR;
        if (s->anonymous && page % sizeof(there) == 0 &&
            aspace_resident(core->aspace, s->start + done, MIN(left, sizeof(there)), there) != 0)
            return 0; // gone: somebody shares the memory
        if (s->anonymous && !there[page % sizeof(there)])
            continue;
        ssize_t got = aspace_access(core->aspace, s->start + done, core->page, PAGE_SIZE, false, true);
        if (got == PAGE_SIZE && !is_zero(core->page))
            status = put_at(core, s->offset + done, core->page, PAGE_SIZE);
    }
    return status;
}

static status_t put_memory(struct core *core) {
    status_t status = 0;
    for (unsigned i = 0; i < core->segment_count && status == 0; i++)
        status = put_segment(core, &core->segments[i]);
    // A hole at the end belongs to the file.
    if (status == 0 && core->stream)
        return skip_to(core, core->at);
    if (status == 0 && core->end < core->at)
        status = core->at > core->limit ? -EFBIG : core->file->ops->truncate(core->file, core->at);
    return status;
}

// Where the memory of each region goes, from `at` on. The end of it all.
static uint64_t lay_out(struct core *core, uint64_t at) {
    at = ALIGN_UP(at, PAGE_SIZE);
    for (unsigned i = 0; i < core->segment_count; i++) {
        core->segments[i].offset = at;
        at += core->segments[i].size;
    }
    return at;
}

status_t core_write(struct core *core) {
    status_t status = collect(core);
    if (status != 0)
        return status;
    uint64_t notes_at = sizeof(struct elf_header) + (core->segment_count + 1) * sizeof(struct elf_program_header);
    core->at = notes_at;
    core->counts = core->stream;
    status = core_put_notes(core);
    core->counts = false;
    uint64_t notes_end = core->at, end = lay_out(core, notes_end);
    if (status == 0)
        status = put_headers(core, notes_at, notes_end - notes_at);
    core->at = notes_at;
    if (status == 0 && core->stream)
        status = core_put_notes(core);
    core->at = end;
    if (status == 0)
        status = put_memory(core);
    kfree(core->segments);
    return status;
}

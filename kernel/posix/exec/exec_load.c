// SPDX-License-Identifier: MPL-2.0
// The new address space: program and interpreter mapped from their files, zeroed to the ends of their data, and a place
// for the heap. It is not loaded yet, so that all of this may fail and leave the caller as it was.
#include "exec_priv.h"
#include "signal/signal_priv.h"
#include <abi/prctl.h>
#include <abi/resource.h>
#include <abi/stat.h>
#include <arch/elf.h>
#include <lib/random.h>
#include <lib/string.h>
#include <mm/uio.h>
#include <vfs/namespace.h>

// Position-independent programs with an interpreter live here, others go where mmap puts them.
#define PROGRAM_BASE ALIGN_DOWN(USER_TOP / 3 * 2, PAGE_SIZE)

status_t exec_read(struct vnode *vnode, uint64_t offset, void *to, size_t size) {
    struct uio uio;
    uio_init_kernel(&uio, to, size);
    uint64_t end = atomic_load_explicit(&vnode->data->size, memory_order_acquire);
    if (offset > end || size > end - offset)
        return -ENOEXEC;
    ssize_t done = vmo_read(vnode->data, offset, &uio, size);
    return done < 0 ? (status_t)done : (size_t)done == size ? 0 : -EIO;
}

struct object *executable_get(struct object *executable) {
    if (!executable)
        return nullptr;
    object_get(executable);
    if (vnode_deny_write(object_vnode(executable)) != 0)
        panic("a running program is open for writing");
    return executable;
}

void executable_put(struct object *executable) {
    if (!executable)
        return;
    vnode_allow_write(object_vnode(executable));
    object_put(executable);
}

struct object *process_set_executable(struct process *process, struct object *executable) {
    spin_lock(&process->signal_lock);
    struct object *old = process->task.executable;
    process->task.executable = executable;
    spin_unlock(&process->signal_lock);
    return old;
}

static status_t check_program(struct object *file) {
    struct vnode *vnode = object_vnode(file);
    if (!vnode || S_ISTYPE(vnode->mode, S_IFLNK))
        return -ELOOP; // AT_SYMLINK_NOFOLLOW
    if (!S_ISTYPE(vnode->mode, S_IFREG) || !vnode->data)
        return -EACCES;
    if (mount_flags(object_path(file)->mount) & MS_NOEXEC)
        return -EACCES;
    status_t status = vnode_permission(vnode, cred_current(), X_OK);
    return status != 0 ? status : vnode_deny_write(vnode);
}

static status_t checked(struct object *file, struct object **out) {
    status_t status = file_of(file)->withheld & RIGHT_EXEC ? -EACCES : check_program(file);
    if (status != 0) {
        object_put(file);
        return status;
    }
    *out = file;
    return 0;
}

status_t exec_open(const struct path *at, const char *path, bool no_follow, struct object **out) {
    struct object *file;
    status_t status = vfs_open(at, path, O_PATH | (no_follow ? O_NOFOLLOW : 0), 0, &file);
    return status != 0 ? status : checked(file, out);
}

status_t exec_open_path(const struct path *path, struct object **out) {
    struct object *file;
    status_t status = vfs_open_path(path, O_PATH, &file);
    return status != 0 ? status : checked(file, out);
}

static bool randomize = true; // `norandmaps` on the command line

void exec_set_randomize(bool on) {
    randomize = on;
}

bool exec_randomizes(void) {
    return randomize;
}

vaddr_t exec_random_offset(unsigned page_bits) {
    if ((process_current()->personality & ADDR_NO_RANDOMIZE) || !randomize)
        return 0;
    uint64_t random;
    random_bytes(&random, sizeof(random));
    return (random & ((1ul << page_bits) - 1)) << PAGE_SHIFT;
}

static uint32_t region_flags(const struct exec *exec, uint32_t segment_flags) {
    return (segment_flags & PF_R ? REGION_READ : 0) | (segment_flags & PF_W ? REGION_WRITE : 0) |
           (segment_flags & PF_X ? REGION_EXEC | exec->code_flags : 0) | REGION_MAY_WRITE;
}

// The part of the last file page behind the file's bytes must read as zeros. A segment that may not be written keeps
// what the file has there, as on Linux.
static status_t zero_tail(struct aspace *aspace, vaddr_t from, uint32_t segment_flags) {
    static const char zeros[PAGE_SIZE];
    size_t size = ALIGN_UP(from, PAGE_SIZE) - from;
    if (size == 0 || !(segment_flags & PF_W))
        return 0;
    ssize_t done = aspace_access(aspace, from, (void *)zeros, size, true, true);
    return done < 0 ? (status_t)done : 0;
}

// exec->code_flags: what an image asks for its code. One that has an interpreter is left to that.
static status_t find_code_flags(struct exec *exec, struct object *file, const struct elf_image *image) {
    uint64_t note[ELF_PROPERTY_NOTE_MAX / sizeof(uint64_t)];
    uint32_t property;
    exec->code_flags = 0;
    if (ARCH_ELF_PROPERTY == 0 || image->property_size == 0 || image->has_interpreter)
        return 0;
    if (image->property_size > sizeof(note))
        return -ENOEXEC;
    status_t status = exec_read(object_vnode(file), image->property_offset, note, image->property_size);
    if (status == 0)
        status = elf_parse_property(note, image->property_size, ARCH_ELF_PROPERTY, &property);
    if (status == 0 && (arch_elf_code_prot(property) & PROT_MAP_GUARDED))
        exec->code_flags = REGION_GUARDED;
    return status;
}

static status_t map_segment(struct exec *exec, struct object *file, const struct elf_segment *s, vaddr_t bias) {
    struct vnode *vnode = object_vnode(file);
    vaddr_t start = bias + s->vaddr, file_end = start + s->file_size, end = start + s->memory_size;
    vaddr_t page_start = ALIGN_DOWN(start, PAGE_SIZE), page_end = ALIGN_UP(file_end, PAGE_SIZE), where;
    status_t status;
    if (s->file_size > 0) {
        struct map_request map = {.address = page_start,
                                  .size = page_end - page_start,
                                  .flags = region_flags(exec, s->flags),
                                  .fixed = true,
                                  .vmo = vnode->data,
                                  .offset = ALIGN_DOWN(s->offset, PAGE_SIZE),
                                  .file = file};
        status = aspace_map(exec->aspace, &map, &where);
        if (status == 0 && end > file_end)
            status = zero_tail(exec->aspace, file_end, s->flags);
        if (status != 0)
            return status;
    } else {
        page_end = page_start;
    }
    if (ALIGN_UP(end, PAGE_SIZE) > page_end) {
        struct map_request map = {.address = page_end,
                                  .size = ALIGN_UP(end, PAGE_SIZE) - page_end,
                                  .flags = region_flags(exec, s->flags),
                                  .fixed = true};
        return aspace_map(exec->aspace, &map, &where);
    }
    return 0;
}

static status_t map_image(struct exec *exec, struct object *file, const struct elf_image *image, vaddr_t bias) {
    status_t status = find_code_flags(exec, file, image);
    for (unsigned i = 0; i < image->segment_count && status == 0; i++)
        status = map_segment(exec, file, &image->segments[i], bias);
    return status;
}

// Where a position-independent image of this size fits: below the mappings' top.
static vaddr_t place_image(struct exec *exec, const struct elf_image *image) {
    size_t span = image->high - image->low;
    vaddr_t base = ALIGN_DOWN(exec->aspace->mmap_top - span, image->align);
    exec->aspace->mmap_top = ALIGN_DOWN(base, PAGE_SIZE);
    return base - image->low;
}

static status_t program_bias(struct exec *exec, vaddr_t *bias) {
    const struct elf_image *image = &exec->image;
    *bias = 0;
    if (image->type == ET_EXEC)
        return 0;
    if (image->high - image->low > USER_TOP / 4)
        return -ENOMEM;
    if (!image->has_interpreter)
        *bias = place_image(exec, image);
    else
        *bias = ALIGN_UP(PROGRAM_BASE + exec_random_offset(28), image->align) - image->low;
    return 0;
}

static void note_layout(struct exec *exec, vaddr_t bias) {
    const struct elf_image *image = &exec->image;
    struct aspace *aspace = exec->aspace;
    aspace->code_start = aspace->data_start = UINTPTR_MAX;
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct elf_segment *s = &image->segments[i];
        vaddr_t start = bias + s->vaddr, end = start + s->file_size;
        if (s->flags & PF_X) {
            aspace->code_start = MIN(aspace->code_start, start);
            aspace->code_end = MAX(aspace->code_end, end);
        } else if (s->flags & PF_W) {
            aspace->data_start = MIN(aspace->data_start, start);
            aspace->data_end = MAX(aspace->data_end, end);
        }
    }
    if (aspace->code_start == UINTPTR_MAX)
        aspace->code_start = aspace->code_end = 0;
    if (aspace->data_start == UINTPTR_MAX)
        aspace->data_start = aspace->data_end = 0;
    // A position-independent program without interpreter lies among the mappings: its heap goes where others have
    // theirs.
    vaddr_t heap = image->type == ET_DYN && !image->has_interpreter ? PROGRAM_BASE : bias + image->high;
    aspace->brk_start = aspace->brk_end = heap + exec_random_offset(13);
}

static status_t load_interpreter(struct exec *exec) {
    char path[256];
    const struct elf_image *program = &exec->image;
    if (program->interpreter_size > sizeof(path))
        return -ENOEXEC;
    status_t status = exec_read(exec->vnode, program->interpreter_offset, path, program->interpreter_size);
    if (status != 0)
        return status;
    if (path[program->interpreter_size - 1] != 0)
        return -ENOEXEC;
    struct object *file;
    status = exec_open(nullptr, path, false, &file);
    if (status != 0)
        return status;
    struct elf_header header;
    struct elf_image image;
    status = exec_read(object_vnode(file), 0, &header, sizeof(header));
    if (status == 0)
        status = elf_parse_header(&header, sizeof(header), ARCH_ELF_MACHINE, &header);
    if (status == 0)
        status = exec_read(object_vnode(file), header.phoff, exec->table, header.phnum * sizeof(exec->table[0]));
    if (status == 0)
        status = elf_parse_table(&header, exec->table, USER_TOP, &image);
    if (status != 0)
        status = status == -ENOEXEC ? -ELIBBAD : status;
    vaddr_t bias = 0;
    if (status == 0 && image.type == ET_DYN) {
        status = image.high - image.low > USER_TOP / 4 ? -ENOMEM : 0;
        if (status == 0)
            bias = place_image(exec, &image);
    }
    if (status == 0)
        status = map_image(exec, file, &image, bias);
    if (status == 0) {
        exec->interpreter_base = bias;
        exec->entry = bias + image.entry;
    }
    executable_put(file); // the regions keep the file; only the program itself stays denied to writers
    return status;
}

static void set_limits(struct aspace *aspace) {
    aspace->limit_address_space = rlimit_current(RLIMIT_AS);
    aspace->limit_data = rlimit_current(RLIMIT_DATA);
    aspace->limit_stack = rlimit_current(RLIMIT_STACK);
    aspace->limit_locked = rlimit_current(RLIMIT_MEMLOCK);
}

status_t exec_load(struct exec *exec) {
    exec->aspace = aspace_create(&job_current()->memory);
    if (!exec->aspace)
        return -ENOMEM;
    set_limits(exec->aspace);
    status_t status = exec_map_stack(exec);
    if (status != 0)
        return status;
    vaddr_t bias;
    status = program_bias(exec, &bias);
    if (status == 0)
        status = map_image(exec, exec->file, &exec->image, bias);
    if (status != 0)
        return status;
    note_layout(exec, bias);
    exec->program_entry = exec->entry = bias + exec->image.entry;
    exec->table_address = exec->image.table_vaddr ? bias + exec->image.table_vaddr : 0;
    exec->table_count = exec->image.table_count;
    if (exec->image.has_interpreter)
        status = load_interpreter(exec);
    if (status == 0)
        status = vdso_map(exec);
    return status;
}

// SPDX-License-Identifier: MPL-2.0
// The notes of a core file: registers of each thread, and what the process was. Layouts are Linux's, which debuggers
// know. The thread that got the signal comes first.
#include "core.h"
#include "process/process_priv.h"
#include "trace/trace_priv.h"

#include <abi/elf.h>
#include <abi/fcntl.h>
#include <arch/core.h>
#include <arch/thread.h>
#include <lib/string.h>
#include <mm/aspace.h>
#include <mm/slab.h>
#include <vfs/namespace.h>

enum { NT_PRPSINFO = 3, NT_AUXV = 6, NT_SIGINFO = 0x53494749, NT_FILE = 0x46494c45 };
#define NAMES_MAX (64ul << 10) // of mapped files, as much as is kept

struct note_header {
    uint32_t name_size, size, type;
};

struct time_value {
    int64_t seconds, microseconds;
};

// Before the registers; after them: int fpvalid, and what aligns it.
struct prstatus {
    int32_t signal, code, error;
    int16_t current_signal, pad;
    uint64_t pending, blocked;
    int32_t pid, parent, group, session;
    struct time_value user, system, children_user, children_system;
};
static_assert(sizeof(struct prstatus) == 112);

struct prpsinfo {
    uint8_t state, state_name, zombie;
    int8_t nice;
    uint8_t pad[4];
    uint64_t flags;
    uint32_t uid, gid;
    int32_t pid, parent, group, session;
    char name[16], arguments[80];
};
static_assert(sizeof(struct prpsinfo) == 136);

// ---------------------------------------------------------------- putting

static status_t pad(struct core *core) {
    static const char zeros[4];
    return core->at % 4 ? core_put(core, zeros, 4 - core->at % 4) : 0;
}

// A note whose contents come in one or two pieces.
struct note {
    const char *name;
    unsigned type;
    const void *first, *second;
    size_t first_size, second_size;
};

static status_t put_note(struct core *core, const struct note *note) {
    struct note_header header = {(uint32_t)strlen(note->name) + 1, (uint32_t)(note->first_size + note->second_size),
                                 note->type};
    status_t status = core_put(core, &header, sizeof(header));
    if (status == 0)
        status = core_put(core, note->name, header.name_size);
    if (status == 0)
        status = pad(core);
    if (status == 0)
        status = core_put(core, note->first, note->first_size);
    if (status == 0)
        status = core_put(core, note->second, note->second_size);
    return status == 0 ? pad(core) : status;
}

// ---------------------------------------------------------------- a thread

struct ids {
    int parent, group, session;
};

static struct ids ids_of(struct process *process) {
    spin_lock(&process_tree_lock);
    struct ids ids = {process->parent ? process->parent->task.id : 0, process->group->id, process->group->session->id};
    spin_unlock(&process_tree_lock);
    return ids;
}

static struct time_value time_value(nsec_t time) {
    return (struct time_value){time / NSEC_PER_SEC, time % NSEC_PER_SEC / 1000};
}

static status_t put_status(struct core *core, struct posix_thread *thread) {
    struct process *process = thread->process;
    struct ids ids = ids_of(process);
    struct resource_totals used;
    resource_totals_of_thread(thread, &used);
    struct prstatus head = {.signal = core->info->signal,
                            .current_signal = (int16_t)core->info->signal,
                            .pending = thread->pending.set,
                            .blocked = thread->blocked,
                            .pid = thread->tid,
                            .parent = ids.parent,
                            .group = ids.group,
                            .session = ids.session,
                            .user = time_value(used.user),
                            .system = time_value(used.system),
                            .children_user = time_value(process->reaped.user),
                            .children_system = time_value(process->reaped.system)};
    ssize_t size = arch_regset_get(&thread->thread, NT_PRSTATUS, core->page);
    if (size < 0)
        return (status_t)size;
    static const int32_t has_vectors[2] = {1, 0};
    memcpy(core->page + size, has_vectors, sizeof(has_vectors));
    struct note note = {"CORE", NT_PRSTATUS, &head, core->page, sizeof(head), (size_t)size + sizeof(has_vectors)};
    return put_note(core, &note);
}

static status_t put_registers(struct core *core, struct posix_thread *thread) {
    status_t status = 0;
    for (const unsigned *note = arch_core_notes; *note && status == 0; note++) {
        ssize_t size = arch_regset_get(&thread->thread, *note, core->page);
        const char *name = *note < 0x100 ? "CORE" : "LINUX";
        if (size > 0) // else this machine has no such set
            status = put_note(core, &(struct note){name, *note, core->page, nullptr, (size_t)size, 0});
    }
    return status;
}

// ---------------------------------------------------------------- the process

static status_t put_process(struct core *core) {
    struct process *process = process_current();
    struct ids ids = ids_of(process);
    struct aspace *aspace = core->aspace;
    struct prpsinfo info = {.state_name = 'R',
                            .nice = (int8_t)posix_current()->thread.nice,
                            .uid = cred_current()->uid,
                            .gid = cred_current()->gid,
                            .pid = process->task.id,
                            .parent = ids.parent,
                            .group = ids.group,
                            .session = ids.session};
    memcpy(info.name, process->task.name, MIN(sizeof(info.name) - 1, strlen(process->task.name)));
    size_t size = MIN(aspace->arg_end - aspace->arg_start, sizeof(info.arguments) - 1);
    ssize_t got = aspace_access(aspace, aspace->arg_start, info.arguments, size, false, true);
    for (ssize_t i = 0; i + 1 < got; i++)
        if (info.arguments[i] == 0)
            info.arguments[i] = ' ';
    return put_note(core, &(struct note){"CORE", NT_PRPSINFO, &info, nullptr, sizeof(info), 0});
}

static status_t put_auxv(struct core *core) {
    size_t count = 0;
    while (count + 2 < ARRAY_SIZE(core->aspace->auxv) && core->aspace->auxv[count] != AT_NULL)
        count += 2;
    struct note note = {"CORE", NT_AUXV, core->aspace->auxv, nullptr, (count + 2) * sizeof(uint64_t), 0};
    return put_note(core, &note);
}

// What is mapped from files: count, page size, then start, end and offset of each, then the names.
struct file_list {
    uint64_t *numbers; // room for `room` regions
    char *names, *path;
    unsigned count, room;
    size_t length;
    struct path root;
};

static bool add_file(const struct region *region, void *context) {
    struct file_list *list = context;
    const struct path *path = region->file ? object_path(region->file) : nullptr;
    const char *text = path ? path_text(path, &list->root, list->path, PATH_MAX) : nullptr;
    if (!text || is_error_pointer(text))
        return true;
    size_t size = strlen(text) + 1;
    if (list->count == list->room || list->length + size > NAMES_MAX)
        return false;
    uint64_t *numbers = &list->numbers[2 + list->count++ * 3];
    numbers[0] = region->start;
    numbers[1] = region->end;
    numbers[2] = region->offset >> PAGE_SHIFT;
    memcpy(list->names + list->length, text, size);
    list->length += size;
    return true;
}

static status_t put_files(struct core *core) {
    struct file_list list = {.room = 1024}; // who has more mapped finds the rest by their contents
    list.numbers = kmalloc((2 + list.room * 3) * sizeof(*list.numbers));
    list.names = kmalloc(NAMES_MAX);
    list.path = kmalloc(PATH_MAX);
    status_t status = -ENOMEM;
    if (list.numbers && list.names && list.path) {
        fs_get_root(&list.root);
        aspace_for_each_region(core->aspace, add_file, &list);
        path_put(&list.root);
        list.numbers[0] = list.count;
        list.numbers[1] = PAGE_SIZE;
        struct note note = {"CORE",     NT_FILE, list.numbers, list.names, (2 + list.count * 3) * sizeof(*list.numbers),
                            list.length};
        status = put_note(core, &note);
    }
    kfree(list.numbers);
    kfree(list.names);
    kfree(list.path);
    return status;
}

status_t core_put_notes(struct core *core) {
    status_t status = put_status(core, core->threads[0]);
    if (status == 0)
        status = put_process(core);
    if (status == 0) {
        struct note note = {"CORE", NT_SIGINFO, core->info, nullptr, sizeof(*core->info), 0};
        status = put_note(core, &note);
    }
    if (status == 0)
        status = put_auxv(core);
    if (status == 0)
        status = put_files(core);
    if (status == 0)
        status = put_registers(core, core->threads[0]);
    for (unsigned i = 1; i < core->thread_count && status == 0; i++) {
        status = put_status(core, core->threads[i]);
        if (status == 0)
            status = put_registers(core, core->threads[i]);
    }
    return status;
}

// SPDX-License-Identifier: MPL-2.0
// A core file for a program: the pattern begins with `|`.
//
//   who ends                              the helper, a process of its own (process/helper.c)
//   makes the pipe, starts it             executes the program, says whether it could
//   waits for that; writes                reads its standard input
//   closes; core_pipe_limit not 0:
//   waits until nobody reads any more     closes it, or ends
//
// All this waiting ends by SIGKILL: the helper then finds that the file is short. What both share lives until both have
// let go of it.
#include "core.h"
#include "exec/exec_priv.h"
#include "process/process_priv.h"

#include <abi/wait.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <sched/sched.h>

struct helper {
    struct refcount ref; // who ends, and the helper until it has told
    struct spinlock lock;
    struct wait_queue told; // under lock, as what follows
    bool has_told;
    status_t status;
    const char *arguments[CORE_ARGUMENTS_MAX + 1]; // in text
    char text[PATH_MAX];
};

static _Atomic unsigned dumps; // going on

static void helper_put(struct helper *helper) {
    if (refcount_down(&helper->ref))
        kfree(helper);
}

static void tell(struct helper *helper, status_t status) {
    spin_lock(&helper->lock);
    helper->has_told = true;
    helper->status = status;
    wait_queue_wake_all(&helper->told);
    spin_unlock(&helper->lock);
    helper_put(helper);
}

static void helper_main(void *argument) {
    struct helper *helper = argument;
    status_t status = exec_kernel(helper->arguments[0], helper->arguments, nullptr);
    tell(helper, status);
    if (status == 0)
        arch_enter_user();
    process_exit(WAIT_STATUS_EXITED(127));
}

// -EINTR: killed.
static status_t await_start(struct helper *helper) {
    status_t status = 0;
    spin_lock(&helper->lock);
    while (!helper->has_told && status == 0)
        status = wait_queue_sleep(&helper->told, &helper->lock, WAIT_KILLABLE, NSEC_NEVER);
    if (status == 0)
        status = helper->status;
    spin_unlock(&helper->lock);
    return status;
}

static struct helper *helper_make(const struct core_target *target) {
    struct helper *helper = kcalloc(1, sizeof(*helper));
    if (!helper)
        return nullptr;
    refcount_init(&helper->ref, 1);
    spin_init(&helper->lock);
    wait_queue_init(&helper->told);
    memcpy(helper->text, target->text, sizeof(helper->text));
    const char *at = helper->text;
    for (unsigned i = 0; i < target->arguments; i++, at += strlen(at) + 1)
        helper->arguments[i] = at;
    return helper;
}

// *pipe: the end that is written to, with a reference.
static status_t run(struct helper *helper, struct object **pipe) {
    struct object *input;
    status_t status = pipe_create(0, &input, pipe);
    if (status != 0)
        return status;
    refcount_up(&helper->ref);
    status = helper_start(&(struct helper_start){"core helper", helper_main, helper, input});
    object_put(input);
    if (status != 0)
        helper_put(helper); // its own
    else
        status = await_start(helper);
    if (status != 0)
        object_put(*pipe);
    return status;
}

// As on Linux a core is one as soon as there is somebody to read it, however much that reads.
static bool feed(struct core *core) {
    object_handle_acquire(core->file); // so that it is closed
    core->stream = true;
    core->limit = INT64_MAX;
    bool written = core_write(core) != -ENOMEM || core->end > 0;
    object_handle_release(core->file);
    if (core_pipe_limit() > 0)
        (void)!pipe_wait_for_readers(core->file); // -EINTR: killed
    object_put(core->file);
    return written;
}

bool core_pipe(struct core *core, const struct core_target *target) {
    unsigned limit = core_pipe_limit();
    bool written = false;
    struct helper *helper = helper_make(target);
    if (!helper)
        return false;
    if (atomic_fetch_add_explicit(&dumps, 1, memory_order_relaxed) < limit || limit == 0)
        written = run(helper, &core->file) == 0 && feed(core);
    atomic_fetch_sub_explicit(&dumps, 1, memory_order_relaxed);
    helper_put(helper);
    return written;
}

// SPDX-License-Identifier: MPL-2.0
// The legacy path: a system call becomes an FIPC call to the server that has claimed the call's family.
//
// The request has everything that the server needs to decide: who asks (process, ids, capabilities), the arguments, and
// a copy of what the caller's buffers hold. The server never sees the caller's memory; output goes there from here.
//
// Signals. A caller that a signal calls away gives the call up. The server's answer then fails, and it undoes what it
// has done: the call may be made again. The server is told by POSIX_CANCEL, which the port delivers after the request,
// and before the next one of the same thread, so there is at most one a thread.
//
// Ends of servers. If the port outlives the server (init holds it), who waits for an answer asks again, with the same
// ticket: the next server finds the request in the port, and by the ticket whether it was carried out already. A
// request over which servers die quickly is given up. If the port dies, too, the server's objects are gone: who waits
// for one of them is told so (EIDRM), later calls are ENOSYS until another server claims the family.
//
// Sandboxes have keys and objects of their own: a request says whose it is (legacy_job.c).
#include "legacy.h"
#include "process/process_priv.h"
#include "syscall_priv.h"

#include <abi/syscall_table.h>
#include <arch/uaccess.h>
#include <ipc/port.h>
#include <lib/log.h>
#include <lib/string.h>
#include <object/cred.h>
#include <sched/timer.h>

#define DEATHS_MOST 3          // of servers over one request,
#define SUSPICIOUS 100'000'000 // if they come so soon after it
#define ROUNDS_MOST 4          // of one question
#define AHEAD 256              // bytes that a sandbox pays, and gets back: nearly always enough, for a message too

static struct {
    struct spinlock lock; // protects right and server
    struct family {
        struct object *right; // a handle count; null: nobody serves it
        int server;
        _Atomic uint64_t answered, interrupted, unserved;
    } families[POSIX_FAMILIES];
    _Atomic uint64_t tickets;
} legacy;

static bool hung_up(struct object *right) {
    return object_signals(right) & SIGNAL_HANGUP;
}

// The family's right, referenced; null: nobody serves it. A right to a dead server is dropped on the way.
static struct object *family_right(struct family *family) {
    struct object *dead = nullptr;
    spin_lock(&legacy.lock);
    struct object *right = family->right;
    if (right && hung_up(right)) {
        dead = right;
        family->right = right = nullptr;
        family->server = 0;
    }
    if (right)
        object_get(right);
    spin_unlock(&legacy.lock);
    if (dead)
        object_handle_release(dead);
    return right;
}

// The same, and one to a dead server just stays: nothing is released, so it may be under a spinlock.
static struct object *living_right(struct family *family) {
    spin_lock(&legacy.lock);
    struct object *right = family->right && !hung_up(family->right) ? family->right : nullptr;
    if (right)
        object_get(right);
    spin_unlock(&legacy.lock);
    return right;
}

// The port has the family already: whoever receives from it now is its server.
static bool claim_again(struct family *family, struct object *port) {
    spin_lock(&legacy.lock);
    bool same = family->right && port_right_leads_to(family->right, port);
    if (same)
        family->server = process_current()->task.id;
    spin_unlock(&legacy.lock);
    return same;
}

static long claim(struct family *family, unsigned number, struct object *port) {
    struct object *old = family_right(family), *right; // forgets a dead one
    if (old) {
        object_put(old);
        return claim_again(family, port) ? 0 : -EBUSY;
    }
    status_t status = port_right_create(port, &(struct port_right){.badge = number, .rights = RIGHT_SEND}, &right);
    if (status != 0)
        return status;
    object_handle_acquire(right);
    object_put(right);
    spin_lock(&legacy.lock);
    bool free = !family->right;
    if (free) {
        family->right = right;
        family->server = process_current()->task.id;
    }
    spin_unlock(&legacy.lock);
    if (!free)
        object_handle_release(right);
    return free ? 0 : -EBUSY;
}

// Who may receive from a port that has the family needs no more than that.
long sys_posix_serve(int handle, unsigned number) {
    if (number >= POSIX_FAMILIES)
        return -EINVAL;
    struct family *family = &legacy.families[number];
    struct object *port = port_of_handle(handle);
    bool may = cred_has_cap(cred_current(), CAP_SYS_ADMIN) || (port && claim_again(family, port));
    long result = !may ? -EPERM : !port ? -EBADF : claim(family, number, port);
    if (port)
        object_put(port);
    return result;
}

// ---------------------------------------------------------------- asking

// One question; the same once more if the server wants to see more input, or more memory to be paid for.
struct question {
    const struct legacy_call *call;
    uint64_t ticket;
    uint32_t input_size;
    struct job *scope; // null: the caller is in no sandbox
    int64_t paid;      // by that
};

static status_t fill(const struct question *question, struct message **out) {
    const struct legacy_call *call = question->call;
    uint32_t input_size = question->input_size;
    const struct cred *cred = cred_current();
    uint32_t groups = MIN(cred->group_count, (uint32_t)POSIX_GROUPS_MAX);
    struct posix_request *request;
    void *data;
    if (input_size > POSIX_INPUT_MAX)
        return -EIO; // the server asks for too much
    struct message *message = port_request_create(call->call, sizeof *request + groups * 4 + input_size, &data);
    if (!message)
        return -ENOMEM;
    request = data;
    *request = (struct posix_request){.ticket = question->ticket,
                                      .job = question->scope ? question->scope->object.id : 0,
                                      .memory = question->paid,
                                      .process = process_current()->task.id,
                                      .uid = cred->euid,
                                      .gid = cred->egid,
                                      .group_count = groups,
                                      .capabilities = cred->cap_effective,
                                      .input_size = input_size};
    memcpy(request->arguments, call->arguments, sizeof request->arguments);
    uint8_t *input = (uint8_t *)(request + 1) + groups * 4;
    memcpy(request + 1, cred->groups, groups * 4);
    if (call->has_type) {
        memcpy(input, &call->type, sizeof call->type);
        input += sizeof call->type;
        input_size -= sizeof call->type;
    }
    if (copy_from_user(input, call->input, input_size) != 0) {
        port_request_free(message);
        return -EFAULT;
    }
    *out = message;
    return 0;
}

static long finish(const struct legacy_call *call, const struct posix_answer *answer, uint32_t size) {
    if (answer->flags & POSIX_WATCH)
        atomic_store_explicit(&process_current()->legacy_watched, true, memory_order_relaxed);
    if (answer->result < -4095)
        return -EIO;
    if (size > 0 && (size > call->output_size || copy_to_user(call->output, answer + 1, size) != 0))
        return -EFAULT;
    return answer->result;
}

static long gone(struct family *family, const struct legacy_call *call) {
    atomic_fetch_add_explicit(&family->unserved, 1, memory_order_relaxed);
    return call->interrupted ? -EIDRM : -ENOSYS;
}

static long unserved(struct family *family) {
    atomic_fetch_add_explicit(&family->unserved, 1, memory_order_relaxed);
    return syscall_unknown(arch_frame_syscall_number(arch_thread_frame(arch_current())));
}

static long cancelled(struct family *family, struct object *right, const struct legacy_call *call, uint64_t ticket) {
    // Without memory for it the server finds out when it wants to answer.
    (void)!port_notify(right, POSIX_CANCEL, &(struct posix_notice){.ticket = ticket}, sizeof(struct posix_notice));
    atomic_fetch_add_explicit(&family->interrupted, 1, memory_order_relaxed);
    return call->interrupted ? call->interrupted : -EINTR;
}

// One question and its answer; once more if the server has been replaced over it (see above).
static status_t request(const struct question *question, struct object *right, struct port_answer *answer) {
    for (unsigned deaths = 0;;) {
        struct message *message;
        nsec_t asked = clock_now();
        status_t status = fill(question, &message);
        if (status == 0)
            status = port_request(right, message, answer);
        deaths += clock_now() - asked < SUSPICIOUS;
        if (status != -EPIPE || hung_up(right) || deaths == DEATHS_MOST)
            return status;
    }
}

// What the answer says: the call is done (true, *result), or the question is to be asked again.
static bool heed(struct question *question, const struct port_answer *answer, long *result) {
    const struct posix_answer *head = answer->data;
    *result = -EIO;
    if (answer->size < sizeof *head)
        return true;
    if (head->flags & POSIX_NEED_INPUT) {
        question->input_size = head->input_size;
        return false;
    }
    if (head->flags & POSIX_NEED_MEMORY) {
        *result = -ENOMEM;
        if (head->memory <= 0 || !legacy_charge(question->scope, head->memory))
            return true;
        question->paid += head->memory;
        return false;
    }
    *result = finish(question->call, head, answer->size - (uint32_t)sizeof *head);
    int64_t kept = MIN(head->memory, question->paid);
    legacy_uncharge(question->scope, question->paid - kept);
    question->paid = 0;
    return true;
}

static long ask(struct family *family, struct object *right, struct question *question) {
    const struct legacy_call *call = question->call;
    struct port_answer answer = {.room = sizeof(struct posix_answer) + call->output_size,
                                 .waits = call->interrupted != 0};
    long result = -EIO;
    for (unsigned round = 0; round < ROUNDS_MOST; round++) {
        status_t status = request(question, right, &answer);
        if (status == -EINTR)
            return cancelled(family, right, call, question->ticket);
        if (status == -ERESTARTSYS)
            return call->interrupted ? call->interrupted : -ERESTARTNOINTR;
        if (status == -EPIPE)
            return gone(family, call);
        if (status != 0)
            return status;
        atomic_fetch_add_explicit(&family->answered, 1, memory_order_relaxed);
        if (heed(question, &answer, &result))
            return result;
    }
    return result;
}

long legacy_ask(const struct legacy_call *call) {
    struct family *family = &legacy.families[call->family];
    struct object *right = family_right(family);
    if (!right)
        return unserved(family);
    struct question question = {.call = call,
                                .ticket = atomic_fetch_add_explicit(&legacy.tickets, 1, memory_order_relaxed) + 1,
                                .input_size = call->input_size,
                                .scope = legacy_scope(),
                                .paid = AHEAD + 2 * (int64_t)call->input_size};
    long result = -ENOMEM;
    if (legacy_charge(question.scope, question.paid)) {
        result = ask(family, right, &question);
        legacy_uncharge(question.scope, question.paid);
    }
    object_put(right);
    return result;
}

void legacy_process_ended(struct process *process) {
    if (!atomic_load_explicit(&process->legacy_watched, memory_order_relaxed))
        return;
    legacy_tell(POSIX_EXIT, &(struct posix_notice){.process = process->task.id});
}

void legacy_tell(enum posix_call notice, const struct posix_notice *what) {
    for (unsigned i = 0; i < POSIX_FAMILIES; i++) {
        struct object *right = living_right(&legacy.families[i]);
        if (!right)
            continue;
        if (port_notify(right, notice, what, sizeof *what) == -ENOMEM)
            klog(LOG_WARNING, "posixd: no memory to tell of the end of process %d or job %lu", what->process,
                 what->job);
        object_put(right);
    }
}

void legacy_counts(enum posix_family number, struct legacy_counts *out) {
    struct family *family = &legacy.families[number];
    struct object *right = family_right(family);
    *out = (struct legacy_counts){.server = right ? family->server : 0,
                                  .answered = atomic_load_explicit(&family->answered, memory_order_relaxed),
                                  .interrupted = atomic_load_explicit(&family->interrupted, memory_order_relaxed),
                                  .unserved = atomic_load_explicit(&family->unserved, memory_order_relaxed)};
    if (right)
        object_put(right);
}

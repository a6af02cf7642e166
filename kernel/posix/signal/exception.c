// SPDX-License-Identifier: MPL-2.0
// Exception ports: a thread's or a task's faults become calls to a port, whose receiver decides what becomes of them
// (docs/ipc.md). The thread's own port is asked first, then the task's; what neither takes is a signal, as without
// them.
//
// A port is inherited by nobody, and stays over exec, so that a debugger can set it for a program that it is about to
// start; not if that gains privileges.
#include "exception.h"
#include "process/process_priv.h"
#include "ready/pidfd_priv.h"

#include <abi/syscall_table.h>
#include <arch/thread.h>
#include <ipc/port.h>

static struct object *get_right(struct process *process, struct object *const *place) {
    spin_lock(&process->signal_lock);
    struct object *right = *place;
    if (right)
        object_handle_acquire(right);
    spin_unlock(&process->signal_lock);
    return right;
}

// `right`: null, or a handle count that goes to the place.
static void set_right(struct process *process, struct object **place, struct object *right) {
    spin_lock(&process->signal_lock);
    struct object *old = *place;
    *place = right;
    spin_unlock(&process->signal_lock);
    if (old)
        object_handle_release(old);
}

void exception_forget_thread(struct posix_thread *thread) {
    if (thread->exception_right)
        set_right(thread->process, &thread->exception_right, nullptr);
}

void exception_forget_process(struct process *process) {
    if (process->exception_right)
        set_right(process, &process->exception_right, nullptr);
}

// True: the thread goes on, where the answer says.
static bool ask(struct object *right, struct fipc_fault fault) {
    struct arch_frame *frame = arch_thread_frame(arch_current());
    uint64_t pc = fault.pc, sp = fault.sp;
    uint32_t answer = FIPC_FAULT_SIGNAL;
    status_t status = port_kernel_call(right, FIPC_NOTE_FAULT, &fault, sizeof fault, &answer);
    if (status == -EINTR || status == -ERESTARTSYS)
        return true; // a signal comes first; then it faults again
    if (status != 0 || (answer != FIPC_FAULT_RESUME && answer != FIPC_FAULT_KILL))
        return false;
    if (answer == FIPC_FAULT_KILL)
        signal_send_process(process_current(), SIGKILL, nullptr);
    if (fault.pc != pc)
        arch_frame_set_pc(frame, fault.pc);
    if (fault.sp != sp)
        arch_frame_set_sp(frame, fault.sp);
    if (fault.pc != pc || fault.sp != sp)
        arch_frame_changed();
    return true;
}

static bool ask_place(struct object *const *place, const struct fipc_fault *fault) {
    struct object *right = get_right(process_current(), place);
    if (!right)
        return false;
    bool goes_on = ask(right, *fault);
    object_handle_release(right);
    return goes_on;
}

bool exception_handle(int signal, int code, vaddr_t address) {
    struct posix_thread *self = posix_current();
    struct process *process = self->process;
    if (LIKELY(!self->exception_right && !process->exception_right))
        return false;
    const struct arch_frame *frame = arch_thread_frame(&self->thread);
    struct fipc_fault fault = {.process = process->task.id,
                               .thread = self->tid,
                               .signal = signal,
                               .code = code,
                               .address = address,
                               .pc = arch_frame_pc(frame),
                               .sp = arch_frame_sp(frame)};
    return ask_place(&self->exception_right, &fault) || ask_place(&process->exception_right, &fault);
}

// ---------------------------------------------------------------- setting them

static status_t set_for_thread(struct object *object, struct object *right) {
    status_t status = -ESRCH;
    rcu_read_lock();
    struct posix_thread *thread = thread_object_thread(object);
    if (thread)
        status = process_may_inspect(thread->process) ? 0 : -EPERM;
    struct object *old = right;
    if (status == 0) {
        spin_lock(&thread->process->signal_lock);
        if (thread->exiting) {
            status = -ESRCH;
        } else {
            old = thread->exception_right;
            thread->exception_right = right;
        }
        spin_unlock(&thread->process->signal_lock);
    }
    rcu_read_unlock();
    if (old)
        object_handle_release(old);
    return status;
}

static status_t set_for_process(struct process *process, struct object *right) {
    status_t status = process->exited ? -ESRCH : process_may_inspect(process) ? 0 : -EPERM;
    struct object *old = right;
    if (status == 0) {
        spin_lock(&process->signal_lock);
        if (list_is_empty(&process->threads)) {
            status = -ESRCH;
        } else {
            old = process->exception_right;
            process->exception_right = right;
        }
        spin_unlock(&process->signal_lock);
    }
    if (old)
        object_handle_release(old);
    return status;
}

// Takes over the handle count of `right` (null: no port any more).
static status_t set_for(int target, struct object *right) {
    if (target == -1)
        return set_for_process(process_current(), right);
    struct handle_ref ref;
    status_t status = handle_lookup(target, RIGHT_WRITE, &ref);
    if (status != 0) {
        if (right)
            object_handle_release(right);
        return status;
    }
    struct process *process = pidfd_process(ref.object);
    if (process) {
        status = set_for_process(process, right);
    } else if (ref.object->ops->type == OBJECT_THREAD) {
        status = set_for_thread(ref.object, right);
    } else {
        status = -EBADF;
        if (right)
            object_handle_release(right);
    }
    handle_release(&ref);
    return status;
}

long sys_exception_port_set(int target, int handle) {
    struct handle_ref ref;
    if (handle == -1)
        return set_for(target, nullptr);
    status_t status = handle_lookup(handle, RIGHT_SEND, &ref);
    if (status != 0)
        return status;
    if (object_is_port_right(ref.object)) {
        object_handle_acquire(ref.object);
        status = set_for(target, ref.object);
    } else {
        status = -EBADF;
    }
    handle_release(&ref);
    return status;
}

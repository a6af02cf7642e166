// SPDX-License-Identifier: MPL-2.0
// System calls about actions, masks and stacks of signals.
#include "process/process_priv.h"
#include "signal_priv.h"
#include <abi/syscall_table.h>
#include <arch/thread.h>
#include <arch/uaccess.h>
#include <lib/string.h>

#define MASK_SIZE sizeof(uint64_t)

static bool is_signal(int signal) {
    return signal >= 1 && signal <= SIGNAL_COUNT;
}

// Setting an action to "ignore" also drops what is pending.
static void set_action(struct process *process, int signal, const struct signal_action *action)
    REQUIRES(&process->signal_lock) {
    static const uint64_t known = SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_EXPOSE_TAGBITS | SA_RESTORER |
                                  SA_ONSTACK | SA_RESTART | SA_NODEFER | SA_RESETHAND;
    struct signal_action *slot = &process->actions->action[signal - 1];
    *slot = *action;
    slot->flags &= known;
    slot->mask &= ~SIGNALS_UNBLOCKABLE;
    bool ignored =
        slot->handler == SIG_IGN || (slot->handler == SIG_DFL && (SIGNAL_BIT(signal) & SIGNALS_IGNORED_BY_DEFAULT));
    if (ignored)
        signal_flush(process, SIGNAL_BIT(signal));
}

long sys_rt_sigaction(int signal, const void __user *action, void __user *old, size_t mask_size) {
    struct process *process = process_current();
    struct signal_action wanted, previous;
    if (mask_size != MASK_SIZE || !is_signal(signal))
        return -EINVAL;
    if (action) {
        if (copy_from_user(&wanted, action, sizeof(wanted)) != 0)
            return -EFAULT;
        if (SIGNAL_BIT(signal) & SIGNALS_UNBLOCKABLE)
            return -EINVAL;
    }
    spin_lock(&process->signal_lock);
    previous = process->actions->action[signal - 1];
    if (action)
        set_action(process, signal, &wanted);
    spin_unlock(&process->signal_lock);
    return old ? copy_to_user(old, &previous, sizeof(previous)) : 0;
}

long sys_rt_sigprocmask(int how, const void __user *set, void __user *old, size_t mask_size) {
    struct posix_thread *self = posix_current();
    uint64_t previous = self->blocked, mask;
    if (mask_size != MASK_SIZE)
        return -EINVAL;
    if (set) {
        if (get_user(mask, (const uint64_t __user *)set) != 0)
            return -EFAULT;
        if (how == SIG_BLOCK)
            mask = previous | mask;
        else if (how == SIG_UNBLOCK)
            mask = previous & ~mask;
        else if (how != SIG_SETMASK)
            return -EINVAL;
        if (mask != previous)
            signal_set_mask(self, mask);
    }
    return old ? put_user(previous, (uint64_t __user *)old) : 0;
}

uint64_t signal_pending_set(void) {
    struct posix_thread *self = posix_current();
    return self->pending.set | self->process->pending.set;
}

long sys_rt_sigpending(void __user *set, size_t mask_size) {
    if (mask_size > MASK_SIZE)
        return -EINVAL;
    uint64_t pending = signal_pending_set() & posix_current()->blocked;
    return copy_to_user(set, &pending, mask_size);
}

long sys_rt_sigreturn(void) {
    struct posix_thread *self = posix_current();
    uint64_t blocked;
    vaddr_t base;
    size_t size;
    int flags;
    if (arch_signal_pop(&blocked, &base, &size, &flags) != 0) {
        signal_force(SIGSEGV, SI_KERNEL, 0);
        return 0;
    }
    if ((blocked & ~SIGNALS_UNBLOCKABLE) != self->blocked)
        signal_set_mask(self, blocked);
    if (!(self->altstack_flags & SS_ONSTACK)) {
        self->altstack_base = base;
        self->altstack_size = size;
        self->altstack_flags = flags & (int)(SS_DISABLE | SS_AUTODISARM);
    }
    return arch_frame_result(arch_thread_frame(&self->thread));
}

static bool on_altstack(struct posix_thread *self) {
    vaddr_t sp = arch_frame_sp(arch_thread_frame(&self->thread));
    if ((uint32_t)self->altstack_flags & SS_AUTODISARM)
        return false;
    return !(self->altstack_flags & SS_DISABLE) && sp > self->altstack_base &&
           sp - self->altstack_base <= self->altstack_size;
}

long sys_sigaltstack(const void __user *stack, void __user *old) {
    struct posix_thread *self = posix_current();
    struct abi_stack wanted, previous = {.base = self->altstack_base, .size = self->altstack_size};
    bool busy = on_altstack(self);
    previous.flags = self->altstack_flags | (busy ? SS_ONSTACK : 0);
    if (stack) {
        if (copy_from_user(&wanted, stack, sizeof(wanted)) != 0)
            return -EFAULT;
        if (busy)
            return -EPERM;
        uint32_t mode = (uint32_t)wanted.flags & ~SS_AUTODISARM;
        if (mode != 0 && mode != SS_ONSTACK && mode != SS_DISABLE)
            return -EINVAL;
        if (mode == SS_DISABLE)
            wanted.base = wanted.size = 0;
        else if (wanted.size < MINSIGSTKSZ)
            return -ENOMEM;
        self->altstack_base = wanted.base;
        self->altstack_size = wanted.size;
        self->altstack_flags = (int)(((uint32_t)wanted.flags & SS_AUTODISARM) | (mode == SS_DISABLE ? SS_DISABLE : 0u));
    }
    return old ? copy_to_user(old, &previous, sizeof(previous)) : 0;
}

// --- temporary masks ---

status_t signal_mask_begin(const void __user *mask, size_t size) {
    struct posix_thread *self = posix_current();
    uint64_t wanted;
    if (!mask)
        return 0;
    if (size != MASK_SIZE)
        return -EINVAL;
    if (get_user(wanted, (const uint64_t __user *)mask) != 0)
        return -EFAULT;
    self->saved_blocked = self->blocked;
    self->restore_blocked = true;
    signal_set_mask(self, wanted);
    return 0;
}

void signal_mask_end(bool interrupted) {
    struct posix_thread *self = posix_current();
    if (!self->restore_blocked)
        return;
    if (interrupted) { // the exit path runs the handler under the temporary mask, then restores
        thread_set_work(&self->thread, THREAD_WORK_SIGNAL);
        return;
    }
    self->restore_blocked = false;
    signal_set_mask(self, self->saved_blocked);
}

static long wait_for_signal(void) {
    while (!thread_is_interrupted()) {
        if (thread_sleep_until(NSEC_NEVER, WAIT_INTERRUPTIBLE) == -EINTR)
            break;
    }
    return -ERESTARTNOHAND;
}

long sys_rt_sigsuspend(const void __user *mask, size_t mask_size) {
    if (!mask)
        return mask_size == MASK_SIZE ? -EFAULT : -EINVAL;
    status_t status = signal_mask_begin(mask, mask_size);
    if (status != 0)
        return status;
    long result = wait_for_signal();
    signal_mask_end(true);
    return result;
}

long sys_pause(void) {
    return wait_for_signal();
}

long sys_restart_syscall(void) {
    struct restart *restart = &posix_current()->restart;
    long (*again)(struct restart *) = restart->again;
    if (!again)
        return -EINTR;
    restart->again = nullptr;
    return again(restart);
}

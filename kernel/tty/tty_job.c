// SPDX-License-Identifier: MPL-2.0
// Job control: which session a terminal belongs to, which of its groups is in the foreground, and what happens to the
// others.
//
// Sessions and groups are numbers here; processes belong to kernel/posix, which is asked through tty_job_ops and
// never with a terminal's lock held.
#include "tty_priv.h"

#include <abi/fcntl.h>
#include <abi/syscall_table.h>
#include <arch/uaccess.h>
#include <object/task.h>

int tty_foreground_group(struct tty *tty) {
    spin_lock(&tty->lock);
    int group = tty->group;
    spin_unlock(&tty->lock);
    return group;
}

static int tty_session(struct tty *tty) {
    spin_lock(&tty->lock);
    int session = tty->session;
    spin_unlock(&tty->lock);
    return session;
}

struct tty *tty_controlling(void) {
    if (!tty_job_ops)
        return nullptr;
    rcu_read_lock();
    struct tty *tty = tty_job_ops->controlling();
    if (tty && !refcount_try_up(&tty->ref))
        tty = nullptr;
    rcu_read_unlock();
    return tty;
}

// Compares only; no reference.
bool tty_is_controlling(struct tty *tty) {
    return tty_job_ops && tty_job_ops->controlling() == tty;
}

status_t tty_check_job(struct tty *tty, int signal) {
    if (!tty_is_controlling(tty))
        return 0;
    int foreground = tty_foreground_group(tty), mine = tty_job_ops->current_group();
    if (foreground == 0 || foreground == mine)
        return 0;
    if (tty_job_ops->signal_ignored_or_blocked(signal))
        return signal == TTY_SIGTTIN ? -EIO : 0;
    if (tty_job_ops->group_is_orphaned(mine))
        return -EIO;
    tty_job_ops->signal_group(mine, signal);
    return -ERESTARTSYS;
}

// Makes the terminal the current session's. The caller has checked that the session leader asks and has none yet.
static status_t acquire(struct tty *tty) {
    int session = tty_job_ops->current_session(), group = tty_job_ops->current_group();
    spin_lock(&tty->lock);
    bool taken = tty->session != 0;
    if (!taken) {
        tty->session = session;
        tty->group = group;
    }
    spin_unlock(&tty->lock);
    if (taken)
        return -EPERM;
    status_t status = tty_job_ops->set_controlling(tty);
    if (status != 0) {
        spin_lock(&tty->lock);
        tty->session = tty->group = 0;
        spin_unlock(&tty->lock);
    }
    return status;
}

void tty_acquire_at_open(struct tty_file *file, uint32_t flags) {
    if ((flags & O_NOCTTY) || file->console || !file->readable || !tty_job_ops)
        return;
    if (tty_job_ops->is_session_leader() && !tty_job_ops->controlling() && tty_session(file->tty) == 0)
        (void)acquire(file->tty);
}

// Takes the terminal from the session that has it. Returns that session, 0: none; *group: its foreground group.
static int release(struct tty *tty, int *group) {
    spin_lock(&tty->lock);
    int session = tty->session;
    *group = tty->group;
    tty->session = tty->group = 0;
    spin_unlock(&tty->lock);
    return session;
}

void tty_disassociate(struct tty *tty, int session) {
    if (tty_session(tty) != session)
        return;
    int group;
    release(tty, &group);
    if (group > 0) {
        tty_job_ops->signal_group(group, TTY_SIGHUP);
        tty_job_ops->signal_group(group, TTY_SIGCONT);
    }
    tty_job_ops->session_lost_tty(session);
    if (!tty->is_pty)
        tty_hang_up_files(tty);
}

void tty_hang_up_files(struct tty *tty) {
    spin_lock(&tty->lock);
    struct tty_file *file, *following;
    LIST_FOR_EACH_SAFE(file, following, &tty->files, node) {
        if (file->console)
            continue;
        atomic_store_explicit(&file->hung, true, memory_order_relaxed);
        list_remove(&file->node);
        object_signal(&file->object, 0, SIGNALS_READ | SIGNALS_WRITE | SIGNAL_ERROR | SIGNAL_HANGUP);
    }
    line_flush_input(&tty->line);
    line_flush_output(&tty->line);
    (void)tty_take_events_locked(tty);
    if (tty->driver->hang_up)
        tty->driver->hang_up(tty);
    wait_queue_wake_all(&tty->readers);
    wait_queue_wake_all(&tty->writers);
    tty_update_signals_locked(tty);
    spin_unlock(&tty->lock);
}

void tty_hang_up(struct tty *tty) {
    int group, session = release(tty, &group);
    tty_hang_up_files(tty);
    if (session == 0 || !tty_job_ops)
        return;
    // The leader's group has the session's number.
    tty_job_ops->signal_group(session, TTY_SIGHUP);
    tty_job_ops->signal_group(session, TTY_SIGCONT);
    if (group > 0 && group != session)
        tty_job_ops->signal_group(group, TTY_SIGHUP);
    tty_job_ops->session_lost_tty(session);
}

// --- ioctls ---

static long set_controlling(struct tty *tty, bool readable, bool steal) {
    bool admin = cred_has_cap(cred_current(), CAP_SYS_ADMIN);
    int session = tty_session(tty);
    bool leader = tty_job_ops->is_session_leader();
    if (leader && session == tty_job_ops->current_session())
        return 0;
    if (!leader || tty_job_ops->controlling())
        return -EPERM;
    if (session != 0) {
        if (!steal || !admin)
            return -EPERM;
        int group;
        release(tty, &group);
        tty_job_ops->session_lost_tty(session);
    }
    if (!readable && !admin)
        return -EPERM;
    return acquire(tty);
}

static long give_up(struct tty *tty) {
    if (!tty_is_controlling(tty))
        return -ENOTTY;
    if (!tty_job_ops->is_session_leader())
        return -EPERM;
    int group, session = release(tty, &group);
    if (group > 0) {
        tty_job_ops->signal_group(group, TTY_SIGHUP);
        tty_job_ops->signal_group(group, TTY_SIGCONT);
    }
    tty_job_ops->session_lost_tty(session);
    return 0;
}

static long set_foreground(struct tty *tty, const int32_t __user *argument) {
    int32_t group;
    status_t status = tty_check_job(tty, TTY_SIGTTOU);
    if (status != 0)
        return status == -EIO ? -ENOTTY : status;
    int session = tty_job_ops->current_session();
    if (!tty_is_controlling(tty) || tty_session(tty) != session)
        return -ENOTTY;
    if (get_user(group, argument) != 0)
        return -EFAULT;
    if (group < 0)
        return -EINVAL;
    if (!tty_job_ops->group_in_session(group, session))
        return tty_job_ops->signal_group(group, 0) > 0 ? -EPERM : -ESRCH;
    spin_lock(&tty->lock);
    tty->group = group;
    spin_unlock(&tty->lock);
    return 0;
}

// `file` is null on a pty's master, which may look without having the terminal for its own.
long tty_job_ioctl(struct tty *tty, struct tty_file *file, unsigned command, unsigned long argument) {
    if (!tty_job_ops)
        return -ENOTTY;
    switch (command) {
    case TIOCSCTTY:
        return set_controlling(tty, !file || file->readable, argument == 1);
    case TIOCNOTTY:
        return give_up(tty);
    case TIOCGPGRP:
        if (file && !tty_is_controlling(tty))
            return -ENOTTY;
        return put_user(tty_foreground_group(tty), (int32_t __user *)argument);
    case TIOCSPGRP:
        return set_foreground(tty, (const int32_t __user *)argument);
    case TIOCGSID: {
        int session = tty_session(tty);
        if ((file && !tty_is_controlling(tty)) || session == 0)
            return -ENOTTY;
        return put_user(session, (int32_t __user *)argument);
    }
    default:
        return -ENOTTY;
    }
}

long sys_vhangup(void) {
    if (!cred_has_cap(cred_current(), CAP_SYS_TTY_CONFIG))
        return -EPERM;
    struct tty *tty = tty_controlling();
    if (tty) {
        tty_hang_up(tty);
        tty_put(tty);
    }
    return 0;
}

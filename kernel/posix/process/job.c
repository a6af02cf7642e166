// SPDX-License-Identifier: MPL-2.0
// Job control: process groups, sessions, and what terminals ask of them.
//
// A group exists while it has members, a session while it has groups; zombies are members until they are reaped. All
// of it is under process_tree_lock. A session's terminal is a plain pointer: the terminal tells the session before it
// goes (session_lost_tty), and its memory stays for an RCU grace period.
#include "process_priv.h"
#include "signal/signal_priv.h"
#include <abi/syscall_table.h>
#include <mm/charged.h>
#include <tty/tty.h>

CHARGED_CACHE(group_cache, struct process_group);
CHARGED_CACHE(session_cache, struct session);

static struct process_group *group_create(int id, struct session *session) REQUIRES(&process_tree_lock) {
    struct process_group *group = charged_alloc(&group_cache);
    if (!group)
        return nullptr;
    *group = (struct process_group){.id = id, .session = session};
    list_init(&group->members);
    session->group_count++;
    id_set(id, ID_GROUP, group);
    return group;
}

void group_join(struct process *process, struct process_group *group) {
    process->group = group;
    list_push_back(&group->members, &process->group_node);
}

// A session ends with its last group. Its leader gave up the terminal when it exited.
static void group_release(struct process_group *group) REQUIRES(&process_tree_lock) {
    if (!list_is_empty(&group->members))
        return;
    struct session *session = group->session;
    id_set(group->id, ID_GROUP, nullptr);
    charged_free(&group_cache, group);
    if (--session->group_count > 0)
        return;
    id_set(session->id, ID_SESSION, nullptr);
    ASSERT(!session->tty);
    charged_free(&session_cache, session);
}

void group_leave(struct process *process) {
    struct process_group *group = process->group;
    list_remove(&process->group_node);
    group_release(group);
}

status_t session_create(struct process *process) {
    int id = process->task.id;
    struct session *session = charged_alloc(&session_cache);
    if (!session)
        return -ENOMEM;
    *session = (struct session){.id = id};
    struct process_group *group = group_create(id, session);
    if (!group) {
        charged_free(&session_cache, session);
        return -ENOMEM;
    }
    id_set(id, ID_SESSION, session);
    if (process->group)
        group_leave(process);
    group_join(process, group);
    return 0;
}

bool group_is_orphaned(struct process_group *group, struct process *without) {
    struct process *p;
    LIST_FOR_EACH(p, &group->members, group_node) {
        if (p == without || p->exited || !p->parent || p->parent->is_init)
            continue;
        if (p->parent->group != group && p->parent->group->session == group->session)
            return false;
    }
    return true;
}

static bool has_stopped_member(struct process_group *group) REQUIRES(&process_tree_lock) {
    struct process *p;
    LIST_FOR_EACH(p, &group->members, group_node) {
        if (p->stopped && !p->exited)
            return true;
    }
    return false;
}

// Signal 0 only counts.
static int signal_members(struct process_group *group, int signal, const struct signal_info *info)
    REQUIRES(&process_tree_lock) {
    int reached = 0;
    struct process *p;
    LIST_FOR_EACH(p, &group->members, group_node) {
        if (p->exited)
            continue;
        reached++;
        if (signal != 0)
            signal_send_process(p, signal, info);
    }
    return reached;
}

void group_check_orphaned(struct process *child, struct process *parent, struct process *without) {
    struct process_group *group = child->group;
    if (!parent || parent->is_init || parent->group == group || parent->group->session != group->session)
        return;
    if (!has_stopped_member(group) || !group_is_orphaned(group, without))
        return;
    signal_members(group, SIGHUP, nullptr);
    signal_members(group, SIGCONT, nullptr);
}

int signal_send_group(struct process_group *group, int signal, const struct signal_info *info) {
    spin_lock(&process_tree_lock);
    int reached = signal_members(group, signal, info);
    spin_unlock(&process_tree_lock);
    return reached;
}

// --- system calls ---

long sys_setsid(void) {
    struct process *process = process_current();
    spin_lock(&process_tree_lock);
    long result = -EPERM;
    if (!process_group_find(process->task.id))
        result = session_create(process);
    spin_unlock(&process_tree_lock);
    return result == 0 ? process->task.id : result;
}

// Linux's checks, in its order.
static status_t may_set_group(struct process *self, struct process *process) REQUIRES(&process_tree_lock) {
    if (!process || process->exited)
        return -ESRCH;
    if (process != self) {
        if (process->parent != self)
            return -ESRCH;
        if (process->group->session != self->group->session)
            return -EPERM;
        if (process->has_execed)
            return -EACCES;
    }
    return process->group->session->id == process->task.id ? -EPERM : 0;
}

long sys_setpgid(int pid, int id) {
    struct process *self = process_current();
    if (id < 0)
        return -EINVAL;
    spin_lock(&process_tree_lock);
    struct process *process = pid == 0 ? self : process_find(pid);
    status_t status = may_set_group(self, process);
    if (status != 0)
        goto out;
    if (id == 0)
        id = process->task.id;
    struct process_group *group = process_group_find(id);
    if (group == process->group)
        goto out;
    status = -EPERM;
    if (group ? group->session != process->group->session : id != process->task.id)
        goto out;
    if (!group)
        group = group_create(id, process->group->session);
    status = -ENOMEM;
    if (!group)
        goto out;
    group_leave(process);
    group_join(process, group);
    status = 0;
out:
    spin_unlock(&process_tree_lock);
    return status;
}

static long group_or_session(int pid, bool session) {
    long result = -ESRCH;
    spin_lock(&process_tree_lock);
    struct process *process = pid == 0 ? process_current() : process_seen(process_find_by_thread(pid));
    if (process)
        result = session ? process->group->session->id : process->group->id;
    spin_unlock(&process_tree_lock);
    return result;
}

long sys_getpgid(int pid) {
    return group_or_session(pid, false);
}

long sys_getpgrp(void) {
    return group_or_session(0, false);
}

long sys_getsid(int pid) {
    return group_or_session(pid, true);
}

// --- what terminals ask (tty is the lower layer) ---

static int job_signal_group(int id, int signal) {
    spin_lock(&process_tree_lock);
    struct process_group *group = process_group_find(id);
    int reached = group ? signal_members(group, signal, nullptr) : 0;
    spin_unlock(&process_tree_lock);
    return reached;
}

static int job_current_group(void) {
    return group_or_session(0, false);
}

static int job_current_session(void) {
    return group_or_session(0, true);
}

static bool job_is_session_leader(void) {
    return job_current_session() == process_current()->task.id;
}

static bool job_group_in_session(int id, int session) {
    spin_lock(&process_tree_lock);
    struct process_group *group = process_group_find(id);
    bool in = group && group->session->id == session;
    spin_unlock(&process_tree_lock);
    return in;
}

static bool job_signal_ignored_or_blocked(int signal) {
    return signal_is_ignored_or_blocked(posix_current(), signal);
}

static bool job_group_is_orphaned(int id) {
    spin_lock(&process_tree_lock);
    struct process_group *group = process_group_find(id);
    bool orphaned = !group || group_is_orphaned(group, nullptr);
    spin_unlock(&process_tree_lock);
    return orphaned;
}

static struct tty *job_controlling(void) {
    spin_lock(&process_tree_lock);
    struct tty *tty = process_current()->group->session->tty;
    spin_unlock(&process_tree_lock);
    return tty;
}

static status_t job_set_controlling(struct tty *tty) {
    spin_lock(&process_tree_lock);
    process_current()->group->session->tty = tty;
    spin_unlock(&process_tree_lock);
    return 0;
}

static void job_session_lost_tty(int id) {
    spin_lock(&process_tree_lock);
    struct session *session = id_lookup(id, ID_SESSION);
    if (session)
        session->tty = nullptr;
    spin_unlock(&process_tree_lock);
}

void session_leader_exited(struct process *process) {
    struct tty *tty = nullptr;
    spin_lock(&process_tree_lock);
    struct session *session = process->group->session;
    if (session->id == process->task.id)
        tty = session->tty;
    spin_unlock(&process_tree_lock);
    if (!tty)
        return;
    tty_disassociate(tty, process->task.id); // hangs up the foreground group
    job_session_lost_tty(process->task.id);
}

static const struct tty_job_ops job_ops = {
    .signal_group = job_signal_group,
    .current_group = job_current_group,
    .current_session = job_current_session,
    .is_session_leader = job_is_session_leader,
    .group_in_session = job_group_in_session,
    .signal_ignored_or_blocked = job_signal_ignored_or_blocked,
    .group_is_orphaned = job_group_is_orphaned,
    .controlling = job_controlling,
    .set_controlling = job_set_controlling,
    .session_lost_tty = job_session_lost_tty,
};

void job_init(void) {
    tty_job_ops = &job_ops;
}

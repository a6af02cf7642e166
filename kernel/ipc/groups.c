// SPDX-License-Identifier: MPL-2.0
// Whose turn a right takes: that of the job that sends through it. A port has a group (queue.h) for each job of which
// something was sent through an open right, and for the jobs above these; the port's own is the root job's, whose
// rights have turns as its jobs do. So whatever a job does to get more turns (more rights, more processes, jobs of its
// own), those beside it in the tree do not wait for longer.
//
// A right that several jobs use goes with the one that began to, until nothing is queued any more: its messages stay in
// order. The same job pays for what is queued.
#include "ipc_priv.h"

#include <mm/charged.h>

struct job_group {
    struct turn_group turns;        // first
    struct memory_account *account; // of the job; one reference
    struct rb_node node;            // port->groups, by account
    uint32_t users;                 // rights that are in it, and groups
};
CHARGED_CACHE(job_group_cache, struct job_group);

static struct job_group *job_group_of(struct turn_group *turns) {
    return CONTAINER_OF(turns, struct job_group, turns);
}

// *link: where it is, or would be.
static struct job_group *find(struct port *port, const struct memory_account *account, struct rb_node **parent,
                              struct rb_node ***link) {
    *parent = nullptr;
    *link = &port->groups.root;
    while (**link) {
        struct job_group *group = RB_ENTRY(**link, struct job_group, node);
        if (group->account == account)
            return group;
        *parent = **link;
        *link = &(**link)->child[(uintptr_t)account > (uintptr_t)group->account];
    }
    return nullptr;
}

// A group without users, and then perhaps those around it, goes.
static void prune(struct port *port, struct turn_group *turns) {
    while (turns != &port->turns && job_group_of(turns)->users == 0) {
        struct job_group *group = job_group_of(turns);
        turns = turns->turn.group;
        if (turns != &port->turns)
            job_group_of(turns)->users--;
        rb_remove(&port->groups, &group->node);
        account_put(group->account);
        charged_free(&job_group_cache, group);
    }
}

// As deep as the tree of jobs, JOB_DEPTH_MAX. nullptr: no memory.
static struct turn_group *make(struct port *port, struct memory_account *account) {
    struct rb_node *parent, **link;
    if (!account || !account->above)
        return &port->turns;
    struct job_group *group = find(port, account, &parent, &link);
    if (group)
        return &group->turns;
    struct turn_group *around = make(port, account->above);
    if (!around)
        return nullptr;
    group = charged_alloc(&job_group_cache);
    if (!group) {
        prune(port, around);
        return nullptr;
    }
    turn_group_init(&group->turns, around);
    group->users = 0;
    group->account = account;
    account_get(account);
    if (around != &port->turns)
        job_group_of(around)->users++;
    find(port, account, &parent, &link);
    rb_link(&port->groups, &group->node, parent, link);
    return &group->turns;
}

static void move(struct port *port, struct send_right *right, struct turn_group *to) {
    struct turn_group *from = right->sender.turn.group;
    if (to == from)
        return;
    if (to != &port->turns)
        job_group_of(to)->users++;
    sender_move(&right->sender, to);
    if (from != &port->turns) {
        job_group_of(from)->users--;
        prune(port, from);
    }
}

bool right_change_user(struct send_right *right, struct memory_account *account) {
    struct port *port = right->port;
    struct turn_group *group = make(port, account);
    if (!group)
        return false;
    move(port, right, group);
    charge_fini(&right->memory);
    charge_init(&right->memory, account);
    return true;
}

void right_leave_group(struct send_right *right) {
    move(right->port, right, &right->port->turns);
}

bool job_has_queued(struct port *port, const struct send_right *right, const struct memory_account *account) {
    struct rb_node *parent, **link;
    if (!sender_is_idle(&right->sender))
        return true;
    if (!account || !account->above)
        return turn_group_has_senders(&port->turns);
    const struct job_group *group = find(port, account, &parent, &link);
    return group && turn_group_has_senders(&group->turns);
}

static bool visit_list(const struct list_node *turns, bool (*visit)(struct queued *queued, void *context),
                       void *context) {
    struct turn *turn;
    struct queued *queued;
    bool changed = false;
    LIST_FOR_EACH(turn, turns, node) {
        if (turn->is_group)
            continue;
        LIST_FOR_EACH(queued, &CONTAINER_OF(turn, struct sender, turn)->messages, node)
        changed |= visit(queued, context);
    }
    return changed;
}

static bool visit_group(const struct turn_group *group, bool (*visit)(struct queued *queued, void *context),
                        void *context) {
    bool changed = visit_list(&group->fresh, visit, context);
    changed |= visit_list(&group->now, visit, context);
    changed |= visit_list(&group->later, visit, context);
    return changed;
}

bool port_for_each_queued(struct port *port, bool (*visit)(struct queued *queued, void *context), void *context) {
    bool changed = visit_group(&port->turns, visit, context);
    for (struct rb_node *node = rb_first(&port->groups); node; node = rb_next(node))
        changed |= visit_group(&RB_ENTRY(node, struct job_group, node)->turns, visit, context);
    return changed;
}

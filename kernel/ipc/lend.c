// SPDX-License-Identifier: MPL-2.0
// Loans of priority from callers to servers (sched_donate).
//
// A server has the level of the caller whose call it has taken, and that of the highest caller who waits in the queue
// of the port that it serves, if these are above its own: whoever waits for it must not wait for threads in between. A
// thread serves the port that it received from last, until it receives from another or ends; a port may have several
// such threads, and lends to all, as nobody can tell which will be free first.
//
// Loans change under the lock of the port that the thread serves. They are not passed on: a server that itself waits in
// a call has lent its level when it called.
#include "ipc_priv.h"

#include <sched/sched.h>

// Nothing is said to the scheduler as long as a loan would not count.
static void settle(struct port *port, struct fipc_thread *server) REQUIRES(&port->lock) {
    unsigned level = MAX(server->call_level, port->lent), has = server->thread->donated_level;
    if (UNLIKELY(level != has) && (has != 0 || level > server->thread->level))
        sched_donate(server->thread, level);
}

void port_lend_locked(struct port *port) {
    unsigned level = levels_top(&port->waiting);
    if (LIKELY(level == port->lent))
        return;
    port->lent = (uint8_t)level;
    struct fipc_thread *server;
    LIST_FOR_EACH(server, &port->servers, serve_node)
    settle(port, server);
}

void server_work_locked(struct port *port, struct fipc_thread *server, const struct fipc_call *call) {
    unsigned level = call ? call->thread->level : 0;
    bool counts = server->thread->donated_level != 0 || level > server->thread->level;
    server->call_level = counts ? (uint8_t)level : 0;
    settle(port, server);
}

void server_done(struct fipc_thread *self) {
    if (LIKELY(self->thread->donated_level == 0)) // nor has its call lent anything, then
        return;
    struct port *port = self->serves;
    spin_lock(&port->lock);
    server_work_locked(port, self, nullptr);
    spin_unlock(&port->lock);
}

void server_leave(struct fipc_thread *self) {
    struct port *port = self->serves;
    if (!port)
        return;
    spin_lock(&port->lock);
    list_remove(&self->serve_node);
    spin_unlock(&port->lock);
    self->serves = nullptr;
    self->call_level = 0;
    sched_donate(self->thread, 0);
    object_put(&port->object);
}

void server_enter(struct fipc_thread *self, struct port *port) {
    server_leave(self);
    object_get(&port->object);
    self->serves = port;
    spin_lock(&port->lock);
    list_push_back(&port->servers, &self->serve_node);
    settle(port, self);
    spin_unlock(&port->lock);
}

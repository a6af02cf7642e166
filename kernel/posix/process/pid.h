// SPDX-License-Identifier: MPL-2.0
// The pid table: one number space for processes, threads, groups and sessions. A number is free when none of the
// four uses it.
#pragma once

#include <lib/status.h>

enum id_kind { ID_PROCESS, ID_THREAD, ID_GROUP, ID_SESSION, ID_KIND_COUNT };

enum { ID_LIMIT = 1 << 22, ID_RESERVED = 300 };

// All but id_lookup: under process_tree_lock (the table's only user).
// Finds a free number, gives it to `owner` in the given role, returns it. -EAGAIN: none left; -ENOMEM.
int id_alloc(enum id_kind kind, void *owner);
// Gives the number to an owner in another role, or takes it back (owner null).
void id_set(int id, enum id_kind kind, void *owner);
// Null: nobody. Also in an RCU read section.
void *id_lookup(int id, enum id_kind kind);
// The smallest number ≥ `id` in use in this role, or -1. Also in an RCU read section.
int id_next(int id, enum id_kind kind);
// The number given out last (/proc/loadavg), how many are in use, and /proc/sys/kernel/pid_max.
int id_last(void);
unsigned id_used(enum id_kind kind);
int id_maximum(void);
MUST_USE status_t id_set_maximum(int maximum);

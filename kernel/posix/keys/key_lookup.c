// SPDX-License-Identifier: MPL-2.0
// Whose keyrings are whose: a thread's own, its process's, its session's, and those of its user. They are made when
// somebody asks for them. A key is possessed by who reaches it from the first three by keyrings that it may search.
//
// A session's keyring goes from a thread to those that it makes, also in other processes. One that comes from outside
// of the sandbox that a task has entered since does not count there: the task has none.
#include "key_priv.h"
#include "process/process_priv.h"

#include <lib/fmt.h>
#include <lib/string.h>
#include <object/cred.h>
#include <sched/timer.h>

#define POSSESSOR(what) ((uint32_t)(what) << 24)
#define USER(what) ((uint32_t)(what) << 16)
#define PERMISSIONS_OWN (POSSESSOR(KEY_ALL) | USER(KEY_VIEW))
#define PERMISSIONS_SESSION (POSSESSOR(KEY_ALL) | USER(KEY_VIEW | KEY_READ))
#define PERMISSIONS_USER (POSSESSOR(KEY_ALL & ~KEY_SETATTR) | USER(KEY_ALL))
#define PERMISSIONS_PERSISTENT (POSSESSOR(KEY_ALL & ~KEY_SETATTR) | USER(KEY_VIEW | KEY_READ))

static struct key *own_session(void) REQUIRES(&key_lock) {
    struct key *session = posix_current()->session_keyring;
    return session && session->user->scope == job_scope_current() ? session : nullptr;
}

static status_t make_ring(const char *name, uint32_t permissions, bool overrun, struct key **out) REQUIRES(&key_lock) {
    const struct cred *cred = cred_current();
    struct key_request request = {.type = &key_type_keyring,
                                  .description = name,
                                  .uid = cred->uid,
                                  .gid = cred->gid,
                                  .permissions = permissions,
                                  .overrun = overrun};
    return key_make(&request, out);
}

static status_t make_own(struct key **place, const char *name, unsigned flags) REQUIRES(&key_lock) {
    if (*place)
        return 0;
    return flags & KEY_LOOKUP_CREATE ? make_ring(name, PERMISSIONS_OWN, true, place) : -ENOKEY;
}

// ---------------------------------------------------------------- users' keyrings

// A keyring of the user, in *place; it stays.
static status_t make_users(struct key_user *user, struct key **place, const char *format, uint32_t permissions)
    REQUIRES(&key_lock) {
    char name[32];
    if (*place && (*place)->invalid) {
        key_put(*place);
        *place = nullptr;
    }
    if (*place)
        return 0;
    fmt_snprintf(name, sizeof(name), "%s.%u", format, user->uid);
    struct key_request request = {
        .type = &key_type_keyring, .description = name, .uid = user->uid, .gid = ~0u, .permissions = permissions};
    return key_make(&request, place);
}

// The user's keyring and the one that its sessions begin with, which leads to the former.
static status_t users_keyrings(struct key_user **out) REQUIRES(&key_lock) {
    struct key_user *user = key_user_of(cred_current()->uid);
    if (!user)
        return -ENOMEM;
    *out = user;
    if (user->keyring && user->session && !user->keyring->invalid && !user->session->invalid)
        return 0;
    status_t status = make_users(user, &user->keyring, "_uid", PERMISSIONS_USER);
    if (status == 0)
        status = make_users(user, &user->session, "_uid_ses", PERMISSIONS_USER);
    if (status == 0 && !user->session->revoked &&
        !keyring_find(user->session, &key_type_keyring, user->keyring->description))
        status = keyring_link(user->session, user->keyring);
    return status;
}

status_t key_persistent_of(uint32_t uid, struct key **out) {
    struct key_user *user = key_user_of(uid);
    if (!user)
        return -ENOMEM;
    if (user->persistent && key_validate(user->persistent) != 0) {
        key_put(user->persistent);
        user->persistent = nullptr;
    }
    status_t status = make_users(user, &user->persistent, "_persistent", PERMISSIONS_PERSISTENT);
    *out = user->persistent;
    return status;
}

// ---------------------------------------------------------------- sessions

static void set_session(struct key *ring) REQUIRES(&key_lock) {
    struct posix_thread *self = posix_current();
    struct key *old = self->session_keyring;
    self->session_keyring = ring;
    key_put(old);
}

// The session keyring that others may join by this name.
static struct key *find_session(const char *name) REQUIRES(&key_lock) {
    for (struct key *key = key_next(0); key; key = key_after(key)) {
        if (!key->type->keyring || key->revoked || key->invalid || key->user->scope != job_scope_current())
            continue;
        if (strcmp(key->description, name) == 0 && key_permission((struct key_ref){key, false}, KEY_SEARCH) == 0)
            return key;
    }
    return nullptr;
}

long key_join_session(const char *name) {
    struct key *ring = name ? find_session(name) : nullptr;
    if (ring && ring == own_session())
        return 0;
    if (ring) {
        set_session(key_get(ring));
        return ring->serial;
    }
    uint32_t permissions = PERMISSIONS_SESSION | (name ? USER(KEY_LINK) : 0u);
    status_t status = make_ring(name ? name : "_ses", permissions, !name && !own_session(), &ring);
    if (status != 0)
        return status;
    set_session(ring);
    return ring->serial;
}

static status_t session_or_make(unsigned flags, struct key **out) REQUIRES(&key_lock) {
    struct key_user *user;
    struct key *session = own_session();
    if (!session || (flags & KEY_LOOKUP_CREATE)) {
        status_t status = users_keyrings(&user);
        if (status != 0)
            return status;
        if (flags & KEY_LOOKUP_CREATE && (!session || session == user->session)) {
            long serial = key_join_session(nullptr);
            if (serial < 0)
                return (status_t)serial;
        } else if (!session) {
            set_session(key_get(user->session));
        }
    }
    *out = own_session();
    return 0;
}

// The parent is to be a single thread of the same user, and its session keyring the user's own. One that ends has given
// up its keyrings, or is about to.
static status_t may_give(struct process *parent) REQUIRES(&process_tree_lock) REQUIRES(&parent->signal_lock)
    REQUIRES(&key_lock) {
    const struct cred *mine = cred_current(), *its = atomic_load_explicit(&parent->task.cred, memory_order_relaxed);
    const struct posix_thread *thread = parent->main_thread;
    if (parent->is_init || parent->task.thread_count != 1 || !thread || thread->exiting)
        return -EPERM;
    if (its->uid != mine->euid || its->euid != mine->euid || its->suid != mine->euid || its->gid != mine->egid ||
        its->egid != mine->egid || its->sgid != mine->egid)
        return -EPERM;
    if (thread->session_keyring && thread->session_keyring->uid != mine->euid)
        return -EPERM;
    return own_session()->uid == mine->euid ? 0 : -EPERM;
}

long key_session_to_parent(void) {
    struct key_ref ref;
    struct key *old = nullptr;
    status_t status = key_lookup(KEY_SPEC_SESSION_KEYRING, 0, KEY_LINK, &ref);
    if (status != 0)
        return status;
    spin_lock(&process_tree_lock);
    struct process *parent = process_seen(atomic_load_explicit(&process_current()->parent, memory_order_relaxed));
    status = -EPERM;
    if (parent) {
        spin_lock(&parent->signal_lock);
        status = may_give(parent);
        if (status == 0) {
            old = parent->main_thread->session_keyring;
            parent->main_thread->session_keyring = key_get(ref.key);
        }
        spin_unlock(&parent->signal_lock);
    }
    spin_unlock(&process_tree_lock);
    key_put(old);
    return status;
}

// ---------------------------------------------------------------- looking up

status_t key_search_own(const struct key_search *search, struct key_ref *out) {
    struct key_user *user;
    struct posix_thread *self = posix_current();
    struct key *session = own_session();
    if (!session && users_keyrings(&user) == 0)
        session = user->session;
    struct key *const rings[] = {self->thread_keyring, self->process->process_keyring, session};
    status_t result = 0, other = -EAGAIN;
    for (unsigned i = 0; i < ARRAY_SIZE(rings); i++) {
        if (!rings[i])
            continue;
        status_t status = keyring_search((struct key_ref){rings[i], true}, search, out);
        if (status == 0)
            return 0;
        if (status == -EAGAIN || status == -ENOKEY)
            result = result ? result : status;
        else
            other = status;
    }
    return result ? result : other;
}

bool key_is_possessed(const struct key *key) {
    struct key_ref found;
    struct key_search search = {.wanted = key};
    return key_search_own(&search, &found) == 0;
}

static status_t find_special(int id, unsigned flags, struct key **out) REQUIRES(&key_lock) {
    struct posix_thread *self = posix_current();
    struct key_user *user;
    status_t status;
    switch (id) {
    case KEY_SPEC_THREAD_KEYRING:
        status = make_own(&self->thread_keyring, "_tid", flags);
        *out = self->thread_keyring;
        return status;
    case KEY_SPEC_PROCESS_KEYRING:
        status = make_own(&self->process->process_keyring, "_pid", flags);
        *out = self->process->process_keyring;
        return status;
    case KEY_SPEC_SESSION_KEYRING:
        return session_or_make(flags, out);
    case KEY_SPEC_USER_KEYRING:
    case KEY_SPEC_USER_SESSION_KEYRING:
        status = users_keyrings(&user);
        if (status == 0)
            *out = id == KEY_SPEC_USER_KEYRING ? user->keyring : user->session;
        return status;
    case KEY_SPEC_REQKEY_AUTH_KEY: // only a helper of request_key has one
    case KEY_SPEC_REQUESTOR_KEYRING:
        return -ENOKEY;
    default:
        return -EINVAL;
    }
}

status_t key_lookup(int id, unsigned flags, uint32_t need, struct key_ref *out) {
    status_t status = 0;
    *out = (struct key_ref){.possessed = id < 0};
    if (id < 1) {
        status = find_special(id, flags, &out->key);
    } else if (!(out->key = key_find(id))) {
        status = -ENOKEY;
    } else {
        out->possessed = key_is_possessed(out->key);
    }
    if (status == 0 && !(flags & KEY_LOOKUP_PARTIAL))
        status = key_validate(out->key);
    return status == 0 ? key_permission(*out, need) : status;
}

// ---------------------------------------------------------------- threads' lives

void keys_inherit(struct posix_thread *child) {
    struct posix_thread *self = posix_current();
    child->key_destination = self->key_destination;
    if (LIKELY(!self->session_keyring))
        return;
    mutex_lock(&key_lock);
    if (self->session_keyring)
        child->session_keyring = key_get(self->session_keyring);
    key_unlock();
}

void keys_forget(struct posix_thread *thread, struct process *last) {
    if (LIKELY(!thread->session_keyring && !thread->thread_keyring && !(last && last->process_keyring)))
        return;
    mutex_lock(&key_lock);
    key_put(thread->thread_keyring);
    key_put(thread->session_keyring);
    thread->thread_keyring = thread->session_keyring = nullptr;
    if (last) {
        key_put(last->process_keyring);
        last->process_keyring = nullptr;
    }
    key_unlock();
}

void keys_exec(void) {
    struct posix_thread *self = posix_current();
    if (LIKELY(!self->thread_keyring && !self->process->process_keyring))
        return;
    mutex_lock(&key_lock);
    key_put(self->thread_keyring);
    key_put(self->process->process_keyring);
    self->thread_keyring = self->process->process_keyring = nullptr;
    key_unlock();
}

void keys_task_ended(struct job *job) {
    for (; job && job->scope; job = job->parent) {
        if (job->scope != job || job->tasks != 0)
            continue;
        mutex_lock(&key_lock);
        key_user_drop_keyrings(job->object.id);
        key_unlock();
    }
}

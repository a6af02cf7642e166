// SPDX-License-Identifier: MPL-2.0
// Between the files of kernel/posix/keys.
//
// One mutex, key_lock, protects all keys, keyrings and users: calls are rare and short. Under it no user memory is
// touched, as that may be a page that a program supplies when it likes. What is copied in is copied before, what is
// copied out afterwards.
//
// A key lives while a keyring, a thread, a process or a user refers to it. Those that nobody refers to any more are
// freed when the lock is released (key_unlock), so that nothing needs a reference within a call.
#pragma once

#include "keys.h"

#include <abi/keyctl.h>
#include <lib/list.h>
#include <lib/rbtree.h>
#include <sched/mutex.h>

#define KEY_DESCRIPTION_MAX 4096 // with the NUL
#define KEY_TYPE_MAX 32
#define KEY_DEPTH_MAX 6 // keyrings within keyrings

struct key_type {
    const char *name;
    bool keyring, readable, updatable;
    bool prefixed;       // descriptions are "SERVICE:NAME"
    size_t payload_max;  // bytes; at least one is needed
    size_t payload_toll; // counts as so many; 0: as many as there are
};

// What a user (or in a sandbox: its user of this number) has.
struct key_user {
    struct rb_node node;
    uint64_t scope; // job_scope_current() of who made it
    uint32_t uid;
    unsigned references;                        // keys, and one while there is one of the keyrings below
    uint64_t keys, counted;                     // all; those that the quota counts
    uint64_t bytes;                             // of the latter
    struct key *keyring, *session, *persistent; // one reference each; null: not made yet
};

struct key {
    unsigned references;
    int serial;
    struct rb_node by_serial;
    struct list_node work;  // of the walk that goes on
    struct list_node grave; // of those that nobody referred to
    uint64_t walk;          // the last one that came by
    unsigned depth;         // at which it did
    const struct key_type *type;
    struct key_user *user; // of `uid`; it pays `quota` bytes
    uint64_t quota;
    bool in_quota, revoked, invalid, sealed; // sealed: a keyring that nothing is linked to any more
    uint32_t uid, gid, permissions;
    nsec_t expiry; // 0: never
    nsec_t forget; // 0: not to be unlinked by itself
    char *description;
    void *payload;
    size_t size;          // of the payload
    struct rb_tree links; // a keyring's: by type and description, keyrings first
    uint64_t link_count;
};

// A key and whether the caller possesses it: reaches it from its own keyrings.
struct key_ref {
    struct key *key;
    bool possessed;
};

extern struct mutex key_lock;
// Frees the keys that nobody refers to, and unlocks.
void key_unlock(void) RELEASES(&key_lock);

// --- key.c: keys and users ---
extern const struct key_type key_type_keyring, key_type_user;
const struct key_type *key_type_find(const char *name); // null: none
struct key_request {
    const struct key_type *type;
    const char *description;
    void *payload; // kmalloc_charged; taken over on success
    size_t size;
    uint32_t uid, gid, permissions;
    bool overrun; // beyond the quota, if need be
};
// A key with one reference. -EDQUOT, -ENOMEM, -EINVAL (what its type does not allow).
MUST_USE status_t key_make(const struct key_request *request, struct key **out) REQUIRES(&key_lock);
MUST_USE status_t key_check_payload(const struct key_type *type, const void *payload, size_t size);
// As it is shown: who has none has Linux's number for that.
ALWAYS_INLINE int key_shown_gid(const struct key *key) {
    return key->gid == ~0u ? 65534 : (int)key->gid;
}
ALWAYS_INLINE struct key *key_get(struct key *key) REQUIRES(&key_lock) {
    key->references++;
    return key;
}
void key_put(struct key *key) REQUIRES(&key_lock); // null is allowed
// The key's payload becomes this one, which is taken over on success. -EDQUOT.
MUST_USE status_t key_set_payload(struct key *key, void *payload, size_t size) REQUIRES(&key_lock);
void key_revoke(struct key *key) REQUIRES(&key_lock);
MUST_USE status_t key_change_owner(struct key *key, uint32_t uid) REQUIRES(&key_lock);
// Changes what the key counts for. -EDQUOT.
MUST_USE status_t key_reserve(struct key *key, int64_t bytes) REQUIRES(&key_lock);
// 0; -ENOKEY, -EKEYREVOKED, -EKEYEXPIRED.
MUST_USE status_t key_validate(const struct key *key) REQUIRES(&key_lock);
// Has the caller this permission? -EACCES.
MUST_USE status_t key_permission(struct key_ref ref, uint32_t need) REQUIRES(&key_lock);
struct key *key_find(int serial) REQUIRES(&key_lock);
struct key *key_next(int serial) REQUIRES(&key_lock); // with this serial or a higher one
struct key *key_after(const struct key *key) REQUIRES(&key_lock);
// The caller's, made if there is none. Null: no memory.
struct key_user *key_user_of(uint32_t uid) REQUIRES(&key_lock);
struct key_user *key_user_next(struct key_user *after) REQUIRES(&key_lock); // null: the first, or there are no more
void key_user_drop_keyrings(uint64_t scope) REQUIRES(&key_lock);
// Unlinks what has been dead for a while. At the beginning of each call.
void key_collect(void) REQUIRES(&key_lock);
void key_collect_at(struct key *key, nsec_t when) REQUIRES(&key_lock); // this one, then

struct key_quota {
    uint64_t keys, bytes;
};
extern struct key_quota key_quota, key_quota_root;
extern uint64_t key_collect_delay, key_persistent_expiry; // seconds

// --- keyring.c ---
struct key_link {
    struct rb_node node;
    struct key *key; // one reference
};
struct key *keyring_first(const struct key *ring, struct key_link **at) REQUIRES(&key_lock); // null: empty
struct key *keyring_next(struct key_link **at) REQUIRES(&key_lock);                          // null: no more
// The key of the type with this description that the keyring itself has; null: none.
struct key *keyring_find(struct key *ring, const struct key_type *type, const char *description) REQUIRES(&key_lock);
// Links the key, in the place of another one of the same type and description. -ENOTDIR, -EDEADLK (a cycle), -ELOOP
// (too deep), -EPERM (sealed), -EDQUOT, -ENOMEM, -EKEYREVOKED …
MUST_USE status_t keyring_link(struct key *ring, struct key *key) REQUIRES(&key_lock);
MUST_USE status_t keyring_unlink(struct key *ring, struct key *key) REQUIRES(&key_lock); // -ENOENT, -ENOTDIR
void keyring_clear(struct key *ring) REQUIRES(&key_lock);
// The first key that `ring` or a keyring within it has, all of them searchable for the caller. `wanted` null: by type
// and description, and it must be usable; else that key. -EAGAIN: none; else what was in the way.
struct key_search {
    const struct key_type *type;
    const char *description;
    const struct key *wanted;
};
MUST_USE status_t keyring_search(struct key_ref ring, const struct key_search *search, struct key_ref *out)
    REQUIRES(&key_lock);

// --- key_lookup.c: whose keyrings are whose ---
enum { KEY_LOOKUP_CREATE = 1, KEY_LOOKUP_PARTIAL = 2 }; // partial: dead keys, too
#define KEY_NEED_NOTHING 0u
// By serial number or KEY_SPEC_*. The key is usable (unless partial) and the caller has the permission.
MUST_USE status_t key_lookup(int id, unsigned flags, uint32_t need, struct key_ref *out) REQUIRES(&key_lock);
MUST_USE status_t key_search_own(const struct key_search *search, struct key_ref *out) REQUIRES(&key_lock);
bool key_is_possessed(const struct key *key) REQUIRES(&key_lock);
// A new session keyring, or (name) the one of this name. Its serial number, or 0: it is the caller's already.
long key_join_session(const char *name) REQUIRES(&key_lock);
long key_session_to_parent(void) REQUIRES(&key_lock);
MUST_USE status_t key_persistent_of(uint32_t uid, struct key **out) REQUIRES(&key_lock);

// --- key_calls.c, key_control.c ---
long keyctl_perform(int operation, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
// Copies in. -EFAULT, -EINVAL, -EPERM (hidden types). *out: kfree.
MUST_USE status_t key_type_from_user(const char __user *from, char *to);
MUST_USE status_t key_text_from_user(const char __user *from, char **out);
MUST_USE status_t key_payload_from_user(const void __user *from, size_t size, void **out);

// SPDX-License-Identifier: MPL-2.0
// Keys and the users that they count for.
//
// A key is charged to the job of who makes it, like everything that piles up, and counts against the quota of its
// user, as on Linux: so many keys, and so many bytes of descriptions, payloads and links.
//
// Dead keys stay linked for a while, so that who looks for them learns why they are of no use. Nothing runs to put
// them away: each call first asks whether it is time to (key_collect).
#include "key_priv.h"

#include <lib/random.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <object/cred.h>
#include <sched/timer.h>

#define SERIAL_FIRST 3

CHARGED_CACHE(key_cache, struct key);
CHARGED_CACHE(user_cache, struct key_user);

struct mutex key_lock = MUTEX_INIT(key_lock);
struct key_quota key_quota = {200, 20000}, key_quota_root = {1'000'000, 25'000'000};
uint64_t key_collect_delay = 300, key_persistent_expiry = 3 * 24 * 3600;

static struct rb_tree serials GUARDED_BY(&key_lock);
static struct rb_tree users GUARDED_BY(&key_lock);                    // by scope and uid
static struct list_node dead GUARDED_BY(&key_lock) = LIST_INIT(dead); // nobody refers to them
static nsec_t next_collection GUARDED_BY(&key_lock) = NSEC_NEVER;

const struct key_type key_type_keyring = {.name = "keyring", .keyring = true, .readable = true};
const struct key_type key_type_user = {.name = "user", .readable = true, .updatable = true, .payload_max = 32767};
static const struct key_type logon = {.name = "logon", .updatable = true, .prefixed = true, .payload_max = 32767};
static const struct key_type big = {
    .name = "big_key", .readable = true, .updatable = true, .payload_max = 1024 * 1024, .payload_toll = 100};

const struct key_type *key_type_find(const char *name) {
    static const struct key_type *const types[] = {&key_type_keyring, &key_type_user, &logon, &big};
    for (unsigned i = 0; i < ARRAY_SIZE(types); i++)
        if (strcmp(types[i]->name, name) == 0)
            return types[i];
    return nullptr;
}

// ---------------------------------------------------------------- users

static struct key_user *user_of_node(struct rb_node *node) {
    return node ? RB_ENTRY(node, struct key_user, node) : nullptr;
}

static bool user_is_before(const struct key_user *user, uint64_t scope, uint32_t uid) {
    return user->scope != scope ? user->scope < scope : user->uid < uid;
}

struct key_user *key_user_of(uint32_t uid) {
    uint64_t scope = job_scope_current();
    struct rb_node *parent = nullptr, **link = &users.root;
    while (*link) {
        struct key_user *user = user_of_node(*link);
        if (user->scope == scope && user->uid == uid)
            return user;
        parent = *link;
        link = &parent->child[user_is_before(user, scope, uid)];
    }
    struct key_user *user = charged_alloc_zero(&user_cache);
    if (!user)
        return nullptr;
    user->scope = scope;
    user->uid = uid;
    rb_link(&users, &user->node, parent, link);
    return user;
}

struct key_user *key_user_next(struct key_user *after) {
    return user_of_node(after ? rb_next(&after->node) : rb_first(&users));
}

static void user_put(struct key_user *user) REQUIRES(&key_lock) {
    if (user->references > 0 && --user->references > 0)
        return;
    rb_remove(&users, &user->node);
    charged_free(&user_cache, user);
}

// One in the scope that has keyrings, or nothing at all.
static struct key_user *user_to_drop(uint64_t scope) REQUIRES(&key_lock) {
    for (struct key_user *user = key_user_next(nullptr); user; user = key_user_next(user))
        if (user->scope == scope && (user->keyring || user->session || user->persistent || user->references == 0))
            return user;
    return nullptr;
}

void key_user_drop_keyrings(uint64_t scope) {
    for (struct key_user *user; (user = user_to_drop(scope));) {
        struct key *const rings[] = {user->keyring, user->session, user->persistent};
        user->keyring = user->session = user->persistent = nullptr;
        user->references++;
        for (unsigned i = 0; i < ARRAY_SIZE(rings); i++)
            key_put(rings[i]);
        user_put(user);
    }
}

static const struct key_quota *quota_of(const struct key_user *user) {
    return user->uid == 0 ? &key_quota_root : &key_quota;
}

// The user gets so many keys and bytes more, or none.
static status_t user_charge(struct key_user *user, uint64_t keys, uint64_t bytes, bool overrun) {
    const struct key_quota *quota = quota_of(user);
    if (!overrun && (user->counted + keys > quota->keys || user->bytes + bytes > quota->bytes))
        return -EDQUOT;
    user->counted += keys;
    user->bytes += bytes;
    return 0;
}

status_t key_reserve(struct key *key, int64_t bytes) {
    if (key->in_quota) {
        status_t status = bytes > 0 ? user_charge(key->user, 0, (uint64_t)bytes, false) : 0;
        if (status != 0)
            return status;
        if (bytes < 0)
            key->user->bytes -= (uint64_t)-bytes;
    }
    key->quota += (uint64_t)bytes;
    return 0;
}

// ---------------------------------------------------------------- making

static struct key *key_of_serial(struct rb_node *node) {
    return node ? RB_ENTRY(node, struct key, by_serial) : nullptr;
}

struct key *key_next(int serial) {
    struct key *best = nullptr;
    for (struct rb_node *at = serials.root; at;) {
        struct key *key = key_of_serial(at);
        if (key->serial >= serial)
            best = key;
        at = at->child[key->serial < serial];
    }
    return best;
}

struct key *key_after(const struct key *key) {
    return key_of_serial(rb_next(&key->by_serial));
}

struct key *key_find(int serial) {
    struct key *key = key_next(serial);
    return key && key->serial == serial && key->user->scope == job_scope_current() ? key : nullptr;
}

static void give_serial(struct key *key) REQUIRES(&key_lock) {
    struct key *taken;
    do {
        key->serial = (int)(random_u64() & INT32_MAX);
        taken = key_next(key->serial);
    } while (key->serial < SERIAL_FIRST || (taken && taken->serial == key->serial));
    struct rb_node *parent = nullptr, **link = &serials.root;
    while (*link) {
        parent = *link;
        link = &parent->child[key->serial > key_of_serial(parent)->serial];
    }
    rb_link(&serials, &key->by_serial, parent, link);
}

status_t key_check_payload(const struct key_type *type, const void *payload, size_t size) {
    if (type->keyring)
        return size == 0 ? 0 : -EINVAL;
    return payload && size > 0 && size <= type->payload_max ? 0 : -EINVAL;
}

static uint64_t toll_of(const struct key_type *type, size_t size) {
    return type->payload_toll ? type->payload_toll : size;
}

static status_t check_description(const struct key_type *type, const char *text) {
    const char *colon = strchr(text, ':');
    return !text[0] || (type->prefixed && (!colon || colon == text)) ? -EINVAL : 0;
}

static status_t fill(struct key *key, const struct key_request *request) {
    size_t length = strlen(request->description) + 1;
    key->description = kmalloc_charged(length);
    if (!key->description)
        return -ENOMEM;
    memcpy(key->description, request->description, length);
    key->type = request->type;
    key->uid = request->uid;
    key->gid = request->gid;
    key->permissions = request->permissions;
    key->quota = length + toll_of(request->type, request->size);
    key->in_quota = true;
    key->references = 1;
    return 0;
}

status_t key_make(const struct key_request *request, struct key **out) {
    status_t status = check_description(request->type, request->description);
    if (status != 0)
        return status;
    struct key *key = charged_alloc_zero(&key_cache);
    if (!key)
        return -ENOMEM;
    status = fill(key, request);
    struct key_user *user = status == 0 ? key_user_of(request->uid) : nullptr;
    if (status == 0)
        status = user ? user_charge(user, 1, key->quota, request->overrun) : -ENOMEM;
    if (status != 0) {
        if (user && user->references == 0)
            user_put(user);
        kfree(key->description);
        charged_free(&key_cache, key);
        return status;
    }
    user->references++;
    user->keys++;
    key->user = user;
    key->payload = request->payload;
    key->size = request->size;
    list_init(&key->work);
    list_init(&key->grave);
    rb_init(&key->links);
    give_serial(key);
    *out = key;
    return 0;
}

// ---------------------------------------------------------------- the end

static void free_payload(struct key *key) {
    if (key->payload)
        memset(key->payload, 0, key->size); // it is a secret
    kfree(key->payload);
    key->payload = nullptr;
    key->size = 0;
}

static void bury(struct key *key) REQUIRES(&key_lock) {
    keyring_clear(key); // may put others on the list of the dead
    rb_remove(&serials, &key->by_serial);
    free_payload(key);
    key->user->keys--;
    if (key->in_quota) {
        key->user->counted--;
        key->user->bytes -= key->quota;
    }
    user_put(key->user);
    kfree(key->description);
    charged_free(&key_cache, key);
}

void key_put(struct key *key) {
    if (key && --key->references == 0 && !list_is_linked(&key->grave))
        list_push_back(&dead, &key->grave);
}

// Keyrings within keyrings are buried one after another, not by recursion.
void key_unlock(void) {
    while (!list_is_empty(&dead)) {
        struct key *key = CONTAINER_OF(dead.next, struct key, grave);
        list_remove(&key->grave);
        list_init(&key->grave);
        if (key->references == 0) // it may have been linked again
            bury(key);
    }
    mutex_unlock(&key_lock);
}

status_t key_set_payload(struct key *key, void *payload, size_t size) {
    int64_t more = (int64_t)toll_of(key->type, size) - (int64_t)toll_of(key->type, key->size);
    status_t status = key_reserve(key, more);
    if (status != 0)
        return status;
    free_payload(key);
    key->payload = payload;
    key->size = size;
    key->expiry = 0;
    return 0;
}

void key_collect_at(struct key *key, nsec_t when) {
    key->forget = when;
    next_collection = MIN(next_collection, when);
}

void key_revoke(struct key *key) {
    if (key->revoked)
        return;
    key->revoked = true;
    if (key->type->keyring) {
        keyring_clear(key);
    } else {
        (void)!key_reserve(key, -(int64_t)toll_of(key->type, key->size)); // less always goes
        free_payload(key);
    }
    key_collect_at(key, clock_now() + (nsec_t)key_collect_delay * NSEC_PER_SEC);
}

// Those that are to be forgotten leave the keyring.
static void purge(struct key *ring, nsec_t now) REQUIRES(&key_lock) {
    struct key_link *at;
    struct key *key = keyring_first(ring, &at), *next;
    for (; key; key = next) {
        next = keyring_next(&at);
        if (key->forget && key->forget <= now)
            (void)!keyring_unlink(ring, key); // it is there
    }
}

void key_collect(void) {
    nsec_t now = clock_now();
    if (LIKELY(now < next_collection))
        return;
    next_collection = NSEC_NEVER;
    for (struct key *key = key_next(0); key; key = key_after(key))
        purge(key, now); // does not end this one, which is in no keyring of its own
    for (struct key *key = key_next(0); key; key = key_after(key)) {
        if (key->forget && key->forget <= now)
            key->forget = 0; // nobody links it again
        else if (key->forget)
            next_collection = MIN(next_collection, key->forget);
    }
}

// ---------------------------------------------------------------- questions

status_t key_validate(const struct key *key) {
    if (key->invalid)
        return -ENOKEY;
    if (key->revoked)
        return -EKEYREVOKED;
    return key->expiry && key->expiry <= clock_now() ? -EKEYEXPIRED : 0;
}

status_t key_permission(struct key_ref ref, uint32_t need) {
    const struct cred *cred = cred_current();
    const struct key *key = ref.key;
    uint32_t granted = key->permissions;
    if (key->uid == cred->fsuid)
        granted >>= 16;
    else if (key->gid != ~0u && (key->permissions & KEY_ALL << 8) && cred_in_group(cred, key->gid))
        granted >>= 8;
    if (ref.possessed)
        granted |= key->permissions >> 24;
    return (granted & need) == need ? 0 : -EACCES;
}

status_t key_change_owner(struct key *key, uint32_t uid) {
    struct key_user *user = key_user_of(uid);
    if (!user)
        return -ENOMEM;
    if (key->in_quota) {
        status_t status = user_charge(user, 1, key->quota, false);
        if (status != 0) {
            if (user->references == 0)
                user_put(user);
            return status;
        }
        key->user->counted--;
        key->user->bytes -= key->quota;
    }
    user->references++;
    user->keys++;
    key->user->keys--;
    user_put(key->user);
    key->user = user;
    key->uid = uid;
    return 0;
}

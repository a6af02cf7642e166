// SPDX-License-Identifier: MPL-2.0
// The operations of keyctl: what is done to keys and keyrings that there are.
//
// Each has its rights as Linux has them. Those that only a helper of request_key can use (instantiate, negate, reject)
// are refused as they are to who is none.
#include "key_priv.h"

#include <arch/uaccess.h>
#include <lib/fmt.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <object/cred.h>
#include <sched/timer.h>

#define NOBODY (~0u)
#define PERMISSIONS_ALL (KEY_ALL * 0x01010101u)

struct arguments {
    unsigned long a, b, c, d;
};

// ---------------------------------------------------------------- keyrings

static long get_keyring_id(const struct arguments *in) REQUIRES(&key_lock) {
    struct key_ref ref;
    status_t status = key_lookup((int)in->a, in->b ? KEY_LOOKUP_CREATE : 0, KEY_SEARCH, &ref);
    return status == 0 ? ref.key->serial : status;
}

static long clear(const struct arguments *in) REQUIRES(&key_lock) {
    struct key_ref ring;
    status_t status = key_lookup((int)in->a, KEY_LOOKUP_CREATE, KEY_WRITE, &ring);
    if (status != 0)
        return status;
    if (!ring.key->type->keyring)
        return -ENOTDIR;
    keyring_clear(ring.key);
    return 0;
}

static long link_key(const struct arguments *in) REQUIRES(&key_lock) {
    struct key_ref ring, key;
    status_t status = key_lookup((int)in->b, KEY_LOOKUP_CREATE, KEY_WRITE, &ring);
    if (status == 0)
        status = key_lookup((int)in->a, KEY_LOOKUP_CREATE, KEY_LINK, &key);
    return status == 0 ? keyring_link(ring.key, key.key) : status;
}

// Who may write to the keyring may take away from it whatever there is.
static long unlink_key(const struct arguments *in) REQUIRES(&key_lock) {
    struct key_ref ring, key;
    status_t status = key_lookup((int)in->b, 0, KEY_WRITE, &ring);
    if (status == 0)
        status = key_lookup((int)in->a, KEY_LOOKUP_PARTIAL, KEY_NEED_NOTHING, &key);
    return status == 0 ? keyring_unlink(ring.key, key.key) : status;
}

static long move(const struct arguments *in) REQUIRES(&key_lock) {
    struct key_ref key, from, to;
    if (in->d & ~(unsigned long)KEYCTL_MOVE_EXCL)
        return -EINVAL;
    status_t status = key_lookup((int)in->a, KEY_LOOKUP_CREATE, KEY_LINK, &key);
    if (status == 0)
        status = key_lookup((int)in->b, 0, KEY_WRITE, &from);
    if (status == 0)
        status = key_lookup((int)in->c, KEY_LOOKUP_CREATE, KEY_WRITE, &to);
    if (status != 0 || from.key == to.key)
        return status;
    if (!from.key->type->keyring || !to.key->type->keyring)
        return -ENOTDIR;
    if (keyring_find(from.key, key.key->type, key.key->description) != key.key)
        return -ENOENT;
    if ((in->d & KEYCTL_MOVE_EXCL) && keyring_find(to.key, key.key->type, key.key->description))
        return -EEXIST;
    status = keyring_link(to.key, key.key);
    return status == 0 ? keyring_unlink(from.key, key.key) : status;
}

static long get_persistent(const struct arguments *in) REQUIRES(&key_lock) {
    const struct cred *cred = cred_current();
    uint32_t uid = (uint32_t)in->a == NOBODY ? cred->uid : (uint32_t)in->a;
    struct key_ref ring;
    struct key *persistent;
    if (uid != cred->uid && uid != cred->euid && !cred_has_cap(cred, CAP_SETUID))
        return -EPERM;
    status_t status = key_lookup((int)in->b, KEY_LOOKUP_CREATE, KEY_WRITE, &ring);
    if (status == 0 && !ring.key->type->keyring)
        status = -ENOTDIR;
    if (status == 0)
        status = key_persistent_of(uid, &persistent);
    if (status == 0)
        status = keyring_link(ring.key, persistent);
    if (status != 0)
        return status;
    persistent->expiry = clock_now() + (nsec_t)key_persistent_expiry * NSEC_PER_SEC;
    return persistent->serial;
}

// ---------------------------------------------------------------- keys

static long revoke(const struct arguments *in) REQUIRES(&key_lock) {
    struct key_ref ref;
    status_t status = key_lookup((int)in->a, 0, KEY_WRITE, &ref);
    if (status == -EACCES)
        status = key_lookup((int)in->a, 0, KEY_SETATTR, &ref);
    if (status == 0)
        key_revoke(ref.key);
    return status;
}

static long invalidate(const struct arguments *in) REQUIRES(&key_lock) {
    struct key_ref ref;
    status_t status = key_lookup((int)in->a, 0, KEY_SEARCH, &ref);
    if (status != 0)
        return status;
    ref.key->invalid = true;
    key_collect_at(ref.key, clock_now());
    key_collect();
    return 0;
}

static long change_owner(const struct arguments *in) REQUIRES(&key_lock) {
    uint32_t uid = (uint32_t)in->b, gid = (uint32_t)in->c;
    const struct cred *cred = cred_current();
    struct key_ref ref;
    if (uid == NOBODY && gid == NOBODY)
        return 0;
    status_t status = key_lookup((int)in->a, KEY_LOOKUP_CREATE, KEY_SETATTR, &ref);
    if (status != 0)
        return status;
    if (!cred_has_cap(cred, CAP_SYS_ADMIN)) {
        if (uid != NOBODY && uid != ref.key->uid)
            return -EACCES;
        if (gid != NOBODY && gid != ref.key->gid && !cred_in_group(cred, gid))
            return -EACCES;
    }
    if (uid != NOBODY && uid != ref.key->uid)
        status = key_change_owner(ref.key, uid);
    if (status == 0 && gid != NOBODY)
        ref.key->gid = gid;
    return status;
}

static long set_permissions(const struct arguments *in) REQUIRES(&key_lock) {
    struct key_ref ref;
    const struct cred *cred = cred_current();
    if (in->b & ~(unsigned long)PERMISSIONS_ALL)
        return -EINVAL;
    status_t status = key_lookup((int)in->a, KEY_LOOKUP_CREATE, KEY_SETATTR, &ref);
    if (status != 0)
        return status;
    if (!cred_has_cap(cred, CAP_SYS_ADMIN) && ref.key->uid != cred->fsuid)
        return -EACCES;
    ref.key->permissions = (uint32_t)in->b;
    return 0;
}

static long set_timeout(const struct arguments *in) REQUIRES(&key_lock) {
    struct key_ref ref;
    unsigned seconds = (unsigned)in->b;
    status_t status = key_lookup((int)in->a, KEY_LOOKUP_CREATE, KEY_SETATTR, &ref);
    if (status != 0)
        return status;
    ref.key->expiry = seconds ? clock_now() + (nsec_t)seconds * NSEC_PER_SEC : 0;
    if (seconds)
        key_collect_at(ref.key, ref.key->expiry + (nsec_t)key_collect_delay * NSEC_PER_SEC);
    else if (!ref.key->revoked)
        ref.key->forget = 0;
    return 0;
}

static long set_destination(const struct arguments *in) REQUIRES(&key_lock) {
    struct posix_thread *self = posix_current();
    int old = self->key_destination, choice = (int)in->a;
    struct key_ref ref;
    status_t status = 0;
    if (choice == KEY_REQKEY_DEFL_NO_CHANGE)
        return old;
    if (choice < KEY_REQKEY_DEFL_DEFAULT || choice > KEY_REQKEY_DEFL_USER_SESSION_KEYRING)
        return -EINVAL;
    if (choice == KEY_REQKEY_DEFL_THREAD_KEYRING)
        status = key_lookup(KEY_SPEC_THREAD_KEYRING, KEY_LOOKUP_CREATE, KEY_NEED_NOTHING, &ref);
    else if (choice == KEY_REQKEY_DEFL_PROCESS_KEYRING)
        status = key_lookup(KEY_SPEC_PROCESS_KEYRING, KEY_LOOKUP_CREATE, KEY_NEED_NOTHING, &ref);
    if (status != 0)
        return status;
    self->key_destination = (int8_t)choice;
    return old;
}

static long session_to_parent(const struct arguments *in) REQUIRES(&key_lock) {
    (void)in;
    return key_session_to_parent();
}

static long locked(long (*operation)(const struct arguments *in), const struct arguments *in) {
    mutex_lock(&key_lock);
    long result = operation(in);
    key_unlock();
    return result;
}

// ---------------------------------------------------------------- those with user memory

static long join_session(const char __user *from) {
    char *name = nullptr;
    long result = from ? key_text_from_user(from, &name) : 0;
    if (result == 0 && name && name[0] == '.')
        result = -EPERM;
    if (result == 0) {
        mutex_lock(&key_lock);
        result = key_join_session(name);
        key_unlock();
    }
    kfree(name);
    return result;
}

static long update(int id, const void __user *from, size_t size) {
    void *payload;
    struct key_ref ref;
    if (size > PAGE_SIZE)
        return -EINVAL;
    long result = key_payload_from_user(from, size, &payload);
    if (result != 0)
        return result;
    mutex_lock(&key_lock);
    result = key_lookup(id, 0, KEY_WRITE, &ref);
    if (result == 0 && !ref.key->type->updatable)
        result = -EOPNOTSUPP;
    if (result == 0)
        result = key_check_payload(ref.key->type, payload, size);
    if (result == 0)
        result = key_set_payload(ref.key, payload, size);
    key_unlock();
    if (result != 0)
        kfree(payload);
    return result;
}

// Copies out if all of it fits. Its length.
static long give(void __user *to, size_t room, const char *from, size_t size) {
    if (to && size <= room && copy_to_user(to, from, size) != 0)
        return -EFAULT;
    return (long)size;
}

static long describe(int id, void __user *to, size_t room) {
    struct key_ref ref;
    char *text = kmalloc_charged(KEY_DESCRIPTION_MAX + 128);
    int length = 0;
    if (!text)
        return -ENOMEM;
    mutex_lock(&key_lock);
    long result = key_lookup(id, 0, KEY_VIEW, &ref);
    if (result == 0)
        length = fmt_snprintf(text, KEY_DESCRIPTION_MAX + 128, "%s;%d;%d;%08x;%s", ref.key->type->name,
                              (int)ref.key->uid, key_shown_gid(ref.key), ref.key->permissions, ref.key->description);
    key_unlock();
    if (result == 0)
        result = give(to, room, text, (size_t)length + 1);
    kfree(text);
    return result;
}

static long security(int id, void __user *to, size_t room) {
    struct key_ref ref;
    mutex_lock(&key_lock);
    long result = key_lookup(id, 0, KEY_VIEW, &ref);
    key_unlock();
    return result == 0 ? give(to, room, "", 1) : result; // there are no labels
}

static void list_serials(const struct key *ring, int *to) REQUIRES(&key_lock) {
    struct key_link *at;
    for (const struct key *key = keyring_first(ring, &at); key; key = keyring_next(&at))
        *to++ = key->serial;
}

// The key to be read, which the caller may do who has the permission, or possesses it.
static status_t readable(int id, struct key_ref *out) REQUIRES(&key_lock) {
    if (key_lookup(id, KEY_LOOKUP_PARTIAL, KEY_NEED_NOTHING, out) != 0)
        return -ENOKEY;
    status_t status = key_validate(out->key);
    if (status != 0)
        return status;
    if (key_permission(*out, KEY_READ) != 0 && !key_is_possessed(out->key))
        return -EACCES;
    return out->key->type->readable ? 0 : -EOPNOTSUPP;
}

// A copy of what there is to read, if it fits. Its length.
static long copy_contents(int id, size_t room, char **out) REQUIRES(&key_lock) {
    struct key_ref ref;
    status_t status = readable(id, &ref);
    if (status != 0)
        return status;
    bool list = ref.key->type->keyring;
    size_t size = list ? ref.key->link_count * sizeof(int) : ref.key->size;
    if (size > room || size == 0)
        return (long)size;
    *out = kmalloc_charged(size);
    if (!*out)
        return -ENOMEM;
    if (list)
        list_serials(ref.key, (int *)(void *)*out);
    else
        memcpy(*out, ref.key->payload, size);
    return (long)size;
}

static long read_key(int id, void __user *to, size_t room) {
    char *contents = nullptr;
    mutex_lock(&key_lock);
    long result = copy_contents(id, to ? room : 0, &contents);
    key_unlock();
    if (!contents)
        return result;
    result = give(to, room, contents, (size_t)result);
    memset(contents, 0, (size_t)MAX(result, 0l));
    kfree(contents);
    return result;
}

static long search(int ring_id, const char *type, const char *description, int destination) REQUIRES(&key_lock) {
    struct key_ref ring, to = {}, found;
    status_t status = key_lookup(ring_id, 0, KEY_SEARCH, &ring);
    if (status == 0 && destination)
        status = key_lookup(destination, KEY_LOOKUP_CREATE, KEY_WRITE, &to);
    if (status != 0)
        return status;
    struct key_search what = {.type = key_type_find(type), .description = description};
    status = what.type ? keyring_search(ring, &what, &found) : -ENOKEY;
    if (status != 0)
        return status == -EAGAIN ? -ENOKEY : status;
    if (to.key) {
        status = key_permission(found, KEY_LINK);
        if (status == 0)
            status = keyring_link(to.key, found.key);
    }
    return status == 0 ? found.key->serial : status;
}

static long search_user(int ring, const char __user *user_type, const char __user *user_description, int destination) {
    char type[KEY_TYPE_MAX], *description;
    long result = key_type_from_user(user_type, type);
    if (result == 0)
        result = key_text_from_user(user_description, &description);
    if (result != 0)
        return result;
    mutex_lock(&key_lock);
    result = search(ring, type, description, destination);
    key_unlock();
    kfree(description);
    return result;
}

// Without a type, nothing more is linked to the keyring. Types that could judge what is are not there.
static long restrict_keyring(int id, const char __user *user_type, const char __user *restriction) {
    char type[KEY_TYPE_MAX];
    struct key_ref ref;
    mutex_lock(&key_lock);
    long result = key_lookup(id, 0, KEY_SETATTR, &ref);
    key_unlock();
    if (result == 0 && user_type)
        result = key_type_from_user(user_type, type);
    if (result == 0 && (user_type || restriction))
        result = !user_type || !restriction ? -EINVAL : key_type_find(type) ? -ENOENT : -ENOKEY;
    if (result != 0)
        return result;
    mutex_lock(&key_lock);
    result = key_lookup(id, 0, KEY_SETATTR, &ref); // another may have taken it away since
    if (result == 0 && !ref.key->type->keyring)
        result = -ENOTDIR;
    if (result == 0 && ref.key->sealed)
        result = -EEXIST;
    if (result == 0)
        ref.key->sealed = true;
    key_unlock();
    return result;
}

static long capabilities(uint8_t __user *to, size_t room) {
    static const uint8_t known[2] = {KEYCTL_CAPS0_CAPABILITIES | KEYCTL_CAPS0_PERSISTENT_KEYRINGS |
                                     KEYCTL_CAPS0_BIG_KEY | KEYCTL_CAPS0_INVALIDATE | KEYCTL_CAPS0_RESTRICT_KEYRING |
                                     KEYCTL_CAPS0_MOVE};
    size_t size = MIN(room, sizeof(known));
    if (copy_to_user(to, known, size) != 0 || clear_user_partial(to + size, room - size) != 0)
        return -EFAULT;
    return sizeof(known);
}

static long (*const plain[])(const struct arguments *in) = {
    [KEYCTL_GET_KEYRING_ID] = get_keyring_id,
    [KEYCTL_REVOKE] = revoke,
    [KEYCTL_CHOWN] = change_owner,
    [KEYCTL_SETPERM] = set_permissions,
    [KEYCTL_CLEAR] = clear,
    [KEYCTL_LINK] = link_key,
    [KEYCTL_UNLINK] = unlink_key,
    [KEYCTL_SET_REQKEY_KEYRING] = set_destination,
    [KEYCTL_SET_TIMEOUT] = set_timeout,
    [KEYCTL_SESSION_TO_PARENT] = session_to_parent,
    [KEYCTL_INVALIDATE] = invalidate,
    [KEYCTL_GET_PERSISTENT] = get_persistent,
    [KEYCTL_MOVE] = move,
};

long keyctl_perform(int operation, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
    if (operation >= 0 && operation < (int)ARRAY_SIZE(plain) && plain[operation])
        return locked(plain[operation], &(struct arguments){a, b, c, d});
    switch (operation) {
    case KEYCTL_JOIN_SESSION_KEYRING:
        return join_session((const char __user *)a);
    case KEYCTL_UPDATE:
        return update((int)a, (const void __user *)b, c);
    case KEYCTL_DESCRIBE:
        return describe((int)a, (void __user *)b, c);
    case KEYCTL_GET_SECURITY:
        return security((int)a, (void __user *)b, c);
    case KEYCTL_SEARCH:
        return search_user((int)a, (const char __user *)b, (const char __user *)c, (int)d);
    case KEYCTL_READ:
        return read_key((int)a, (void __user *)b, c);
    case KEYCTL_INSTANTIATE:
    case KEYCTL_INSTANTIATE_IOV:
    case KEYCTL_NEGATE:
    case KEYCTL_REJECT:
        return -EPERM;
    case KEYCTL_ASSUME_AUTHORITY:
        return (int)a < 0 ? -EINVAL : (int)a == 0 ? 0 : -ENOKEY;
    case KEYCTL_RESTRICT_KEYRING:
        return restrict_keyring((int)a, (const char __user *)b, (const char __user *)c);
    case KEYCTL_CAPABILITIES:
        return capabilities((uint8_t __user *)a, b);
    default:
        return -EOPNOTSUPP;
    }
}

// SPDX-License-Identifier: MPL-2.0
// add_key, request_key and keyctl: what comes from user memory is copied in here, before anything is locked.
//
// Nobody is asked for a key that is not there: request_key with words for a helper ends as one without, with ENOKEY, as
// on a Linux that has no helper installed.
#include "key_priv.h"

#include <abi/syscall_table.h>
#include <arch/uaccess.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <object/cred.h>

#define PAYLOAD_MOST (1024ul * 1024 - 1) // of any type

status_t key_type_from_user(const char __user *from, char *to) {
    ssize_t length = string_from_user(to, from, KEY_TYPE_MAX);
    if (length == -ENAMETOOLONG || length == 0)
        return -EINVAL;
    if (length < 0)
        return (status_t)length;
    return to[0] == '.' ? -EPERM : 0;
}

status_t key_text_from_user(const char __user *from, char **out) {
    char *text = kmalloc_charged(KEY_DESCRIPTION_MAX);
    if (!text)
        return -ENOMEM;
    ssize_t length = string_from_user(text, from, KEY_DESCRIPTION_MAX);
    if (length < 0) {
        kfree(text);
        return length == -ENAMETOOLONG ? -EINVAL : (status_t)length;
    }
    *out = text;
    return 0;
}

status_t key_payload_from_user(const void __user *from, size_t size, void **out) {
    *out = nullptr;
    if (size == 0)
        return 0;
    void *payload = kmalloc_charged(size);
    if (!payload)
        return -ENOMEM;
    if (copy_from_user(payload, from, size) != 0) {
        kfree(payload);
        return -EFAULT;
    }
    *out = payload;
    return 0;
}

// ---------------------------------------------------------------- add_key

static uint32_t default_permissions(const struct key_type *type) {
    uint32_t possessor = KEY_VIEW | KEY_SEARCH | KEY_LINK | KEY_SETATTR | (type->readable ? KEY_READ : 0u) |
                         (type->keyring || type->updatable ? KEY_WRITE : 0u);
    return possessor << 24 | KEY_VIEW << 16;
}

// A key of the caller's in the keyring; the payload is taken over on success.
static long create(struct key *ring, const struct key_type *type, const char *description, void *payload, size_t size)
    REQUIRES(&key_lock) {
    struct key *key;
    struct key_request request = {.type = type,
                                  .description = description,
                                  .payload = payload,
                                  .size = size,
                                  .uid = cred_current()->fsuid,
                                  .gid = cred_current()->fsgid,
                                  .permissions = default_permissions(type)};
    if (ring->sealed)
        return -EPERM;
    status_t status = key_make(&request, &key);
    if (status != 0)
        return status;
    status = keyring_link(ring, key);
    long serial = key->serial;
    if (status != 0) {
        key->payload = nullptr; // the caller's again
        key->size = 0;
    }
    key_put(key);
    return status == 0 ? serial : status;
}

static long create_or_update(int id, const char *type_name, const char *description, void *payload, size_t size)
    REQUIRES(&key_lock) {
    struct key_ref ring;
    status_t status = key_lookup(id, KEY_LOOKUP_CREATE, KEY_WRITE, &ring);
    if (status != 0)
        return status;
    const struct key_type *type = key_type_find(type_name);
    if (!type)
        return -ENODEV;
    if (!description[0])
        return -EINVAL;
    if (!ring.key->type->keyring)
        return -ENOTDIR;
    status = key_check_payload(type, payload, size);
    if (status != 0)
        return status;
    struct key *old = type->updatable ? keyring_find(ring.key, type, description) : nullptr;
    if (!old || old->revoked || old->invalid)
        return create(ring.key, type, description, payload, size);
    status = key_permission((struct key_ref){old, ring.possessed}, KEY_WRITE);
    if (status == 0)
        status = key_set_payload(old, payload, size);
    return status == 0 ? old->serial : status;
}

long sys_add_key(const char __user *user_type, const char __user *user_description, const void __user *from,
                 size_t size, int ring) {
    char type[KEY_TYPE_MAX], *description = nullptr;
    void *payload = nullptr;
    if (size > PAYLOAD_MOST)
        return -EINVAL;
    long result = key_type_from_user(user_type, type);
    if (result == 0)
        result = user_description ? key_text_from_user(user_description, &description) : -EINVAL;
    if (result == 0 && description[0] == '.' && strncmp(type, "keyring", 7) == 0)
        result = -EPERM;
    if (result == 0)
        result = key_payload_from_user(from, size, &payload);
    if (result == 0) {
        mutex_lock(&key_lock);
        key_collect();
        result = create_or_update(ring, type, description, payload, size);
        key_unlock();
    }
    if (result < 0 && payload) {
        memset(payload, 0, size);
        kfree(payload);
    }
    kfree(description);
    return result;
}

// ---------------------------------------------------------------- request_key

static long request(const char *type_name, const char *description, int destination) REQUIRES(&key_lock) {
    struct key_ref ring = {}, found;
    status_t status = destination ? key_lookup(destination, KEY_LOOKUP_CREATE, KEY_WRITE, &ring) : 0;
    if (status != 0)
        return status;
    struct key_search search = {.type = key_type_find(type_name), .description = description};
    if (!search.type)
        return -ENOKEY;
    status = key_search_own(&search, &found);
    if (status != 0)
        return status == -EAGAIN ? -ENOKEY : status;
    if (ring.key) {
        status = key_permission(found, KEY_LINK);
        if (status == 0)
            status = keyring_link(ring.key, found.key);
    }
    return status == 0 ? found.key->serial : status;
}

long sys_request_key(const char __user *user_type, const char __user *user_description, const char __user *user_callout,
                     int destination) {
    char type[KEY_TYPE_MAX], *description = nullptr, *callout = nullptr;
    long result = key_type_from_user(user_type, type);
    if (result == 0)
        result = key_text_from_user(user_description, &description);
    if (result == 0 && user_callout)
        result = key_text_from_user(user_callout, &callout);
    if (result == 0) {
        mutex_lock(&key_lock);
        key_collect();
        result = request(type, description, destination);
        key_unlock();
    }
    kfree(callout);
    kfree(description);
    return result;
}

long sys_keyctl(int operation, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
    mutex_lock(&key_lock);
    key_collect();
    key_unlock();
    return keyctl_perform(operation, a, b, c, d);
}

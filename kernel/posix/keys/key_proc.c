// SPDX-License-Identifier: MPL-2.0
// /proc/keys (those that the reader may view), /proc/key-users, and the quotas in /proc/sys/kernel/keys.
#include "key_priv.h"
#include "proc/proc_priv.h"

#include <lib/fmt.h>
#include <lib/string.h>
#include <object/cred.h>
#include <sched/timer.h>

// How long the key still lives, in four characters at most.
static void put_timeout(const struct key *key, char *to, size_t size) {
    static const struct {
        uint64_t seconds;
        char letter;
    } units[] = {{7 * 24 * 3600, 'w'}, {24 * 3600, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    nsec_t now = clock_now();
    if (!key->expiry || key->expiry <= now) {
        string_copy(to, key->expiry ? "expd" : "perm", size);
        return;
    }
    uint64_t left = (uint64_t)((key->expiry - now) / NSEC_PER_SEC);
    unsigned i = 0;
    while (i + 1 < ARRAY_SIZE(units) && left < units[i].seconds)
        i++;
    fmt_snprintf(to, size, "%llu%c", (unsigned long long)(left / units[i].seconds), units[i].letter);
}

static void key_line(struct text_buffer *text, const struct key *key) {
    char timeout[24];
    put_timeout(key, timeout, sizeof(timeout));
    text_printf(text, "%08x I%c%c%c--%c %5u %4s %08x %5d %5d %-9.9s %s", (unsigned)key->serial,
                key->revoked ? 'R' : '-', key->references == 0 ? 'D' : '-', key->in_quota ? 'Q' : '-',
                key->invalid ? 'i' : '-', key->references, timeout, key->permissions, (int)key->uid, key_shown_gid(key),
                key->type->name, key->description);
    if (!key->type->keyring)
        text_printf(text, ": %llu\n", (unsigned long long)key->size);
    else if (key->link_count)
        text_printf(text, ": %llu\n", (unsigned long long)key->link_count);
    else
        text_printf(text, ": empty\n");
}

static void keys_show(struct text_buffer *text, void *context) {
    (void)context;
    mutex_lock(&key_lock);
    key_collect();
    for (const struct key *key = key_next(0); key; key = key_after(key)) {
        struct key_ref ref = {key_find(key->serial), false};
        if (!ref.key)
            continue; // of another sandbox
        ref.possessed = key_is_possessed(key);
        if (key_permission(ref, KEY_VIEW) == 0)
            key_line(text, key);
    }
    key_unlock();
}

static void users_show(struct text_buffer *text, void *context) {
    (void)context;
    mutex_lock(&key_lock);
    for (struct key_user *user = key_user_next(nullptr); user; user = key_user_next(user)) {
        const struct key_quota *quota = user->uid == 0 ? &key_quota_root : &key_quota;
        if (user->scope == job_scope_current())
            text_printf(text, "%5u: %5u %llu/%llu %llu/%llu %llu/%llu\n", user->uid, user->references,
                        (unsigned long long)user->keys, (unsigned long long)user->keys,
                        (unsigned long long)user->counted, (unsigned long long)quota->keys,
                        (unsigned long long)user->bytes, (unsigned long long)quota->bytes);
    }
    key_unlock();
}

static void number_show(struct text_buffer *text, void *context) {
    text_printf(text, "%llu\n", (unsigned long long)*(uint64_t *)context);
}

static ssize_t number_store(void *context, const char *from, size_t size) {
    uint64_t value;
    if (!proc_parse_number(from, size, &value) || value > INT32_MAX)
        return -EINVAL;
    mutex_lock(&key_lock);
    *(uint64_t *)context = value;
    key_unlock();
    return (ssize_t)size;
}

void keys_init(void) {
    static const struct proc_file files[] = {
        {"keys", 0444, keys_show},
        {"key-users", 0444, users_show},
        {"sys/kernel/keys/maxkeys", 0644, number_show, number_store, &key_quota.keys},
        {"sys/kernel/keys/maxbytes", 0644, number_show, number_store, &key_quota.bytes},
        {"sys/kernel/keys/root_maxkeys", 0644, number_show, number_store, &key_quota_root.keys},
        {"sys/kernel/keys/root_maxbytes", 0644, number_show, number_store, &key_quota_root.bytes},
        {"sys/kernel/keys/gc_delay", 0644, number_show, number_store, &key_collect_delay},
        {"sys/kernel/keys/persistent_keyring_expiry", 0644, number_show, number_store, &key_persistent_expiry},
    };
    proc_add_all(files, ARRAY_SIZE(files));
}

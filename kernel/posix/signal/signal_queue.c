// SPDX-License-Identifier: MPL-2.0
// Queues of pending signals. `set` says which are pending; `infos` has what came with them, in order of arrival. A
// signal may be pending without an info (no memory, or the user's limit): it is then reported as sent by the kernel's
// SI_USER with pid 0, as Linux does.
#include "signal_queue.h"
#include <lib/string.h>
#include <mm/slab.h>

SLAB_CACHE(signal_cache, struct queued_signal);

int signal_first(uint64_t set) {
    if (set & SIGNALS_SYNCHRONOUS)
        set &= SIGNALS_SYNCHRONOUS;
    return set ? __builtin_ctzll(set) + 1 : 0;
}

// The signal's room in the user's account. nullptr: over the limit, or no memory.
static struct queued_signal *entry_create(struct user_account *account, uint64_t limit, bool ignore_limit) {
    uint64_t before = atomic_fetch_add_explicit(&account->signals, 1, memory_order_relaxed);
    struct queued_signal *entry = nullptr;
    if (ignore_limit || before < limit)
        entry = slab_alloc(&signal_cache);
    if (!entry) {
        atomic_fetch_sub_explicit(&account->signals, 1, memory_order_relaxed);
        return nullptr;
    }
    user_account_get(account);
    entry->account = account;
    return entry;
}

static void entry_free(struct queued_signal *entry) {
    atomic_fetch_sub_explicit(&entry->account->signals, 1, memory_order_relaxed);
    user_account_put(entry->account);
    slab_free(&signal_cache, entry);
}

status_t signal_queue_push(struct signal_queue *queue, const struct signal_info *info, struct user_account *account,
                           uint64_t limit, bool must_queue) {
    int signal = info->signal;
    bool real_time = signal >= SIGRTMIN;
    if (!real_time && (queue->set & SIGNAL_BIT(signal)))
        return 0;
    // Standard signals are bounded by their number: only those that a user queues count against the limit.
    struct queued_signal *entry = entry_create(account, limit, !real_time && info->code >= 0);
    if (entry) {
        entry->info = *info;
        list_push_back(&queue->infos, &entry->node);
    } else if (real_time && must_queue) {
        return -EAGAIN;
    }
    queue->set |= SIGNAL_BIT(signal);
    return 0;
}

int signal_queue_pop(struct signal_queue *queue, uint64_t set, struct signal_info *info) {
    int signal = signal_first(queue->set & set);
    if (signal == 0)
        return 0;
    struct queued_signal *entry, *found = nullptr;
    bool more = false;
    LIST_FOR_EACH(entry, &queue->infos, node) {
        if (entry->info.signal != signal)
            continue;
        if (found) {
            more = true;
            break;
        }
        found = entry;
    }
    if (!more)
        queue->set &= ~SIGNAL_BIT(signal);
    if (found) {
        *info = found->info;
        list_remove(&found->node);
        entry_free(found);
    } else {
        signal_info_init(info, signal, SI_USER);
    }
    return signal;
}

unsigned signal_queue_peek(const struct signal_queue *queue, uint64_t first, struct signal_info *to, unsigned count) {
    const struct queued_signal *entry;
    unsigned found = 0;
    LIST_FOR_EACH(entry, &queue->infos, node) {
        if (found == count)
            break;
        if (first > 0)
            first--;
        else
            to[found++] = entry->info;
    }
    return found;
}

void signal_queue_flush(struct signal_queue *queue, uint64_t set) {
    if (!(queue->set & set))
        return;
    struct queued_signal *entry, *next;
    LIST_FOR_EACH_SAFE(entry, next, &queue->infos, node) {
        if (!(set & SIGNAL_BIT(entry->info.signal)))
            continue;
        list_remove(&entry->node);
        entry_free(entry);
    }
    queue->set &= ~set;
}

// SPDX-License-Identifier: MPL-2.0
// poll and ppoll. The first pass only looks, for usually something is ready and then no watcher is needed.

#include "poll_priv.h"
#include "wait_time.h"
#include <abi/syscall_table.h>
#include <lib/status.h>
#include <mm/charged.h>
#include <mm/slab.h>
#include <posix/process.h>

enum { ENTRIES_ON_STACK = 64, ITEMS_ON_STACK = 16 };

// The signals that count for an entry.
static uint32_t mask_of(const struct abi_pollfd *entry) {
    return entry->events | POLLERR | POLLHUP;
}

static uint32_t look_at(const struct abi_pollfd *entry) {
    if (UNLIKELY(entry->fd < 0))
        return 0;
    uint32_t ready = handle_signals(entry->fd, mask_of(entry));
    return LIKELY(ready != HANDLE_BAD) ? ready : POLLNVAL;
}

static int look(struct abi_pollfd *entries, unsigned count) {
    int found = 0;
    for (struct abi_pollfd *entry = entries; entry < entries + count; entry++) {
        entry->revents = (uint16_t)look_at(entry);
        found += entry->revents != 0;
    }
    return found;
}

static bool lookup(int fd, struct handle_ref *ref) {
    return handle_lookup(fd, RIGHT_WAIT, ref) == 0 && !(ref->rights & RIGHT_PATH);
}

struct poll_room {
    struct wait_item *items;
    struct handle_ref *refs;
};

// Entries that are bad by now (another thread closed them) count as found.
static int wait(struct abi_pollfd *entries, unsigned count, nsec_t deadline, struct poll_room room) {
    int bad = 0;
    for (unsigned i = 0; i < count; i++) {
        room.items[i].object = nullptr;
        room.items[i].ready = room.items[i].consume = 0;
        if (entries[i].fd < 0)
            continue;
        if (lookup(entries[i].fd, &room.refs[i])) {
            room.items[i].object = room.refs[i].object;
            room.items[i].mask = mask_of(&entries[i]);
        } else {
            entries[i].revents = POLLNVAL;
            bad++;
        }
    }
    int found = object_wait_many(room.items, count, bad ? 0 : deadline);
    for (unsigned i = 0; i < count; i++) {
        if (!room.items[i].object)
            continue;
        entries[i].revents = (uint16_t)room.items[i].ready;
        handle_release(&room.refs[i]);
    }
    return found < 0 ? found : found + bad;
}

int poll_entries(struct abi_pollfd *entries, unsigned count, nsec_t deadline) {
    int found = look(entries, count);
    if (found != 0 || deadline == 0)
        return found;
    if (count <= ITEMS_ON_STACK) {
        struct wait_item items[ITEMS_ON_STACK];
        struct handle_ref refs[ITEMS_ON_STACK];
        return wait(entries, count, deadline, (struct poll_room){items, refs});
    }
    struct poll_room room = {kcalloc_charged(count, sizeof *room.items), kcalloc_charged(count, sizeof *room.refs)};
    found = room.items && room.refs ? wait(entries, count, deadline, room) : -ENOMEM;
    kfree(room.items);
    kfree(room.refs);
    return found;
}

// One look at entries in user memory, without copying them all.
static long look_user(struct abi_pollfd __user *fds, unsigned count) {
    long found = 0;
    for (unsigned i = 0; i < count; i++) {
        union {
            uint64_t word;
            struct abi_pollfd entry;
        } u;
        if (get_user(u.word, (uint64_t __user *)&fds[i]) != 0)
            return -EFAULT;
        uint16_t ready = (uint16_t)look_at(&u.entry);
        if (put_user(ready, &fds[i].revents) != 0)
            return -EFAULT;
        found += ready != 0;
    }
    return found;
}

static long wait_user(struct abi_pollfd __user *fds, unsigned count, nsec_t deadline) {
    struct abi_pollfd on_stack[ENTRIES_ON_STACK], *entries = on_stack;
    if (count > ENTRIES_ON_STACK && !(entries = kcalloc_charged(count, sizeof *entries)))
        return -ENOMEM;
    long result = -EFAULT;
    if (copy_from_user(entries, fds, count * sizeof *entries) == 0)
        result = poll_entries(entries, count, deadline);
    for (unsigned i = 0; result >= 0 && i < count; i++)
        if (put_user(entries[i].revents, &fds[i].revents) != 0)
            result = -EFAULT;
    if (entries != on_stack)
        kfree(entries);
    return result;
}

static long poll_user(struct abi_pollfd __user *fds, unsigned count, nsec_t deadline) {
    if (count > rlimit_current(RLIMIT_NOFILE))
        return -EINVAL;
    long found = look_user(fds, count);
    return found != 0 || deadline == 0 ? found : wait_user(fds, count, deadline);
}

static long poll_again(struct restart *restart) {
    long result = poll_user((struct abi_pollfd __user *)restart->poll.fds, restart->poll.count, restart->poll.deadline);
    if (result != -EINTR)
        return result;
    restart->again = poll_again;
    return -ERESTART_RESTARTBLOCK;
}

long sys_poll(void __user *fds, unsigned count, int timeout_ms) {
    nsec_t deadline = timeout_ms < 0 ? NSEC_NEVER : timeout_ms == 0 ? 0 : clock_now() + timeout_ms * 1000000ll;
    long result = poll_user(fds, count, deadline);
    if (result != -EINTR)
        return result;
    struct restart *restart = &posix_current()->restart;
    restart->poll.fds = (__force vaddr_t)fds;
    restart->poll.count = count;
    restart->poll.deadline = deadline;
    restart->again = poll_again;
    return -ERESTART_RESTARTBLOCK;
}

long sys_ppoll(void __user *fds, unsigned count, const void __user *timeout, const void __user *mask,
               size_t mask_size) {
    nsec_t deadline;
    status_t status = wait_deadline_from_user(timeout, &deadline);
    if (status == 0)
        status = signal_mask_begin(mask, mask_size);
    if (status != 0)
        return status;
    long result = poll_user(fds, count, deadline);
    signal_mask_end(result == -EINTR);
    wait_time_left_to_user((void __user *)(uintptr_t)timeout, deadline);
    return result == -EINTR ? -ERESTARTNOHAND : result;
}

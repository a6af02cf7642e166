// SPDX-License-Identifier: MPL-2.0
// select and pselect6: three bit sets, turned into entries for poll and back.

#include "poll_priv.h"
#include "time/time_priv.h"
#include "wait_time.h"
#include <abi/prctl.h>
#include <abi/syscall_table.h>
#include <lib/status.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <mm/slab.h>
#include <posix/process.h>

enum { WORDS_ON_STACK = 1024 / 64, SETS = 3 };

// What a bit in each set asks for, and what makes it set in the answer.
static const uint16_t asked[SETS] = {
    POLLIN | POLLRDNORM | POLLRDBAND,
    POLLOUT | POLLWRNORM | POLLWRBAND,
    POLLPRI,
};
static const uint16_t answered[SETS] = {
    POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR,
    POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR,
    POLLPRI,
};

struct selection {
    uint64_t *sets[SETS]; // words each; in and out
    unsigned words, count;
};

static uint64_t any_of(const struct selection *s, unsigned word) {
    return s->sets[0][word] | s->sets[1][word] | s->sets[2][word];
}

static void make_entries(const struct selection *s, struct abi_pollfd *entries) {
    for (unsigned word = 0; word < s->words; word++)
        for (uint64_t bits = any_of(s, word); bits; bits &= bits - 1) {
            unsigned bit = (unsigned)__builtin_ctzll(bits);
            uint16_t events = 0;
            for (unsigned set = 0; set < SETS; set++)
                if (s->sets[set][word] >> bit & 1)
                    events |= asked[set];
            *entries++ = (struct abi_pollfd){.fd = (int)(word * 64 + bit), .events = events};
        }
}

// The sets become the answer. Returns the number of bits, or -EBADF.
static int read_entries(struct selection *s, const struct abi_pollfd *entries, unsigned count) {
    int total = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned word = (unsigned)entries[i].fd / 64;
        uint64_t bit = 1ull << (entries[i].fd % 64);
        if (entries[i].revents & POLLNVAL)
            return -EBADF;
        for (unsigned set = 0; set < SETS; set++) {
            if (!(s->sets[set][word] & bit))
                continue;
            if (entries[i].revents & answered[set])
                total++;
            else
                s->sets[set][word] &= ~bit;
        }
    }
    return total;
}

static int select_sets(struct selection *s, nsec_t deadline) {
    struct abi_pollfd on_stack[32], *entries = on_stack;
    unsigned count = 0;
    for (unsigned word = 0; word < s->words; word++)
        count += (unsigned)__builtin_popcountll(any_of(s, word));
    if (count > ARRAY_SIZE(on_stack) && !(entries = kcalloc_charged(count, sizeof *entries)))
        return -ENOMEM;
    make_entries(s, entries);
    // A bad descriptor ends the call before it waits, for poll reports that at once.
    int found = poll_entries(entries, count, deadline);
    if (found >= 0)
        found = read_entries(s, entries, count);
    if (entries != on_stack)
        kfree(entries);
    return found;
}

static status_t get_set(uint64_t *to, const void __user *from, int count) {
    size_t bytes = (size_t)(count + 7) / 8, whole = (size_t)(count + 63) / 64 * 8;
    memset(to, 0, whole);
    if (!from || count == 0)
        return 0;
    if (copy_from_user(to, from, bytes) != 0)
        return -EFAULT;
    if (count % 64)
        to[count / 64] &= (1ull << (count % 64)) - 1;
    return 0;
}

static long select_user(int count, void __user *const user[SETS], nsec_t deadline) {
    uint64_t on_stack[SETS][WORDS_ON_STACK], *room = nullptr;
    if (count < 0)
        return -EINVAL;
    count = MIN(count, (int)HANDLE_MAX);
    struct selection s = {{on_stack[0], on_stack[1], on_stack[2]}, (unsigned)(count + 63) / 64, 0};
    if (s.words > WORDS_ON_STACK) {
        room = kcalloc_charged(s.words, SETS * sizeof *room);
        if (!room)
            return -ENOMEM;
        for (unsigned set = 0; set < SETS; set++)
            s.sets[set] = room + set * s.words;
    }
    long result = 0;
    for (unsigned set = 0; set < SETS && result == 0; set++)
        result = get_set(s.sets[set], user[set], count);
    if (result == 0)
        result = select_sets(&s, deadline);
    size_t bytes = (size_t)(count + 63) / 64 * 8;
    for (unsigned set = 0; set < SETS && result >= 0; set++)
        if (user[set] && copy_to_user(user[set], s.sets[set], bytes) != 0)
            result = -EFAULT;
    kfree(room);
    return result;
}

long sys_select(int count, void __user *read, void __user *write, void __user *except, void __user *timeout) {
    nsec_t deadline = NSEC_NEVER;
    struct abi_timeval tv;
    if (timeout) {
        if (copy_from_user(&tv, timeout, sizeof tv) != 0)
            return -EFAULT;
        // More than a second of microseconds is allowed here.
        if (tv.seconds < 0 || tv.microseconds < 0)
            return -EINVAL;
        tv.seconds += tv.microseconds / 1000000;
        tv.microseconds %= 1000000;
        nsec_t duration;
        if (timeval_to_nsec(&tv, &duration) != 0)
            return -EINVAL;
        deadline = duration == 0 ? 0 : deadline_after(duration);
    }
    void __user *const user[SETS] = {read, write, except};
    long result = select_user(count, user, deadline);
    if (timeout && deadline != NSEC_NEVER && !(process_current()->personality & STICKY_TIMEOUTS)) {
        tv = timeval_from_nsec(wait_time_left(deadline));
        status_t ignored = copy_to_user(timeout, &tv, sizeof tv);
        (void)ignored;
    }
    return result == -EINTR ? -ERESTARTNOHAND : result;
}

long sys_pselect6(int count, void __user *read, void __user *write, void __user *except, void __user *timeout,
                  const void __user *mask) {
    struct {
        uint64_t address, size;
    } argument = {};
    nsec_t deadline;
    if (mask && copy_from_user(&argument, mask, sizeof argument) != 0)
        return -EFAULT;
    status_t status = wait_deadline_from_user(timeout, &deadline);
    if (status == 0)
        status = signal_mask_begin((const void __user *)argument.address, argument.size);
    if (status != 0)
        return status;
    void __user *const user[SETS] = {read, write, except};
    long result = select_user(count, user, deadline);
    signal_mask_end(result == -EINTR);
    wait_time_left_to_user(timeout, deadline);
    return result == -EINTR ? -ERESTARTNOHAND : result;
}

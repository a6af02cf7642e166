// SPDX-License-Identifier: MPL-2.0
// What the fast path and the straight path share: small messages in user memory and in the kernel's, and the states of
// a call that a receiver takes at once.
#pragma once

#include "ipc_priv.h"
#include <arch/switch.h>

ALWAYS_INLINE uint32_t size_of(type_and_size what) {
    return (uint32_t)(what >> 32);
}

// Header and data of a message in user memory, with the window to it open once. False: no such message, one close to
// the end of user space, or a fault that stays one; the slow path tells them apart.
#define PACKET_MAX (HEADER_SIZE + FIPC_FAST_MAX)
#define LOAD(word, at, offset) ARCH_USER_LOAD(ARCH_USER_64, word, at, offset, bad)
#define STORE(word, at, offset) ARCH_USER_STORE(ARCH_USER_64, word, at, offset, bad)
#define WORDS_4(ACCESS)          \
    do {                         \
        ACCESS(data[0], at, 32); \
        ACCESS(data[1], at, 40); \
        ACCESS(data[2], at, 48); \
        ACCESS(data[3], at, 56); \
    } while (0)
#define WORDS_8(ACCESS)          \
    do {                         \
        WORDS_4(ACCESS);         \
        ACCESS(data[4], at, 64); \
        ACCESS(data[5], at, 72); \
        ACCESS(data[6], at, 80); \
        ACCESS(data[7], at, 88); \
    } while (0)

ALWAYS_INLINE bool packet_in_range(const void __user *message) {
    return !ARCH_USER_REFUSES((uintptr_t)message, PACKET_MAX);
}

// One that may go this way: no handles, no flags, little data.
ALWAYS_INLINE bool read_small(const void __user *message, type_and_size *what, uint64_t *data) {
    uintptr_t at = (uintptr_t)message;
    type_and_size head;
    uint64_t count_and_flags;
    if (UNLIKELY(!packet_in_range(message)))
        return false;
    ARCH_USER_OPEN;
    LOAD(head, at, 0);
    LOAD(count_and_flags, at, 24);
    uint32_t size = size_of(head);
    *what = head;
    if (LIKELY(size == 64)) {
        WORDS_8(LOAD);
        ARCH_USER_CLOSE;
    } else if (LIKELY(size == 32)) {
        WORDS_4(LOAD);
        ARCH_USER_CLOSE;
    } else {
        ARCH_USER_CLOSE;
        if (size > FIPC_FAST_MAX || (size > 0 && copy_from_user(data, message_data(message), size) != 0))
            return false;
    }
    return LIKELY(count_and_flags == 0);
bad:
    return false;
}

// badge: 0: an answer, which has none.
ALWAYS_INLINE bool write_small(void __user *message, type_and_size what, uint64_t badge, uint64_t count_and_flags,
                               const uint64_t *data) {
    uintptr_t at = (uintptr_t)message;
    uint32_t size = size_of(what);
    if (UNLIKELY(!packet_in_range(message)))
        return false;
    ARCH_USER_OPEN;
    STORE(what, at, 0);
    STORE(badge, at, 8);
    STORE(count_and_flags, at, 24);
    if (LIKELY(size == 64)) {
        WORDS_8(STORE);
        ARCH_USER_CLOSE;
    } else if (LIKELY(size == 32)) {
        WORDS_4(STORE);
        ARCH_USER_CLOSE;
    } else {
        ARCH_USER_CLOSE;
        return size == 0 || copy_to_user((uint8_t __user *)message + HEADER_SIZE, data, size) == 0;
    }
    return true;
bad:
    return false;
}

// The same with the data as cargo; the whole of a message's room is read. The message is in range
// (packet_in_range: who parks has looked), and arch_cargo_begin has been called.
ALWAYS_INLINE bool load_packet(const void __user *message, type_and_size *what, struct arch_cargo *cargo) {
    uintptr_t at = (uintptr_t)message;
    type_and_size head;
    uint64_t count_and_flags;
    ARCH_USER_OPEN;
    LOAD(head, at, 0);
    LOAD(count_and_flags, at, 24);
    ARCH_CARGO_LOAD(cargo, at, HEADER_SIZE, bad);
    ARCH_USER_CLOSE;
    *what = head;
    if (UNLIKELY(count_and_flags != 0))
        return false;
    APART;
    return LIKELY(size_of(head) <= FIPC_FAST_MAX);
bad:
    return false;
}

ALWAYS_INLINE bool store_packet(void __user *message, type_and_size what, uint64_t badge, uint64_t count_and_flags,
                                const struct arch_cargo *cargo) {
    uintptr_t at = (uintptr_t)message;
    uint32_t size = size_of(what);
    ARCH_USER_OPEN;
    ARCH_CARGO_STORE_HEAD(what, badge, at, 0, bad);
    STORE(count_and_flags, at, 24);
    if (LIKELY(size == 64))
        ARCH_CARGO_STORE_64(cargo, at, HEADER_SIZE, bad);
    else if (LIKELY(size == 32))
        ARCH_CARGO_STORE_32(cargo, at, HEADER_SIZE, bad);
    ARCH_USER_CLOSE;
    if (LIKELY(size == 64) || LIKELY(size == 32) || size == 0)
        return true;
    uint64_t data[FIPC_FAST_MAX / 8];
    arch_cargo_copy(cargo, data);
    return copy_to_user((uint8_t __user *)message + HEADER_SIZE, data, size) == 0;
bad:
    return false;
}

// Between kernel buffers, whole words: what lies behind the last byte is the sender's own.
ALWAYS_INLINE void copy_small(void *to, const void *from, uint32_t size) {
    if (LIKELY(size == 64)) {
        __builtin_memcpy_inline(to, from, 64);
        return;
    }
    if (LIKELY(size == 32)) {
        __builtin_memcpy_inline(to, from, 32);
        return;
    }
    for (uint32_t i = 0; i < size; i += 8)
        __builtin_memcpy_inline((uint8_t *)to + i, (const uint8_t *)from + i, 8);
}

// As if the receiver had taken the call.
ALWAYS_INLINE void begin_taken(struct fipc_call *call, struct fipc_slot *slot) {
    uint64_t state = ((atomic_load_explicit(&call->state, memory_order_relaxed) | CALL_PHASES) + 1) | CALL_TAKEN;
    call->slot = slot;
    slot->state = state;
    atomic_store_explicit(&slot->call, call, memory_order_relaxed);
    atomic_store_explicit(&call->state, state, memory_order_release);
}

// The receiver that a message goes to; null: none sleeps. And off with it.
ALWAYS_INLINE struct fipc_thread *first_receiver(struct port *port) REQUIRES(&port->lock) {
    for (unsigned how = 0; how < 2; how++)
        if (port->parked[how])
            return port->parked[how];
    return list_is_empty(&port->receivers) ? nullptr : LIST_FIRST(&port->receivers, struct fipc_thread, receive_node);
}
ALWAYS_INLINE bool is_parked(const struct port *port, const struct fipc_thread *receiver) REQUIRES(&port->lock) {
    return port->parked[IN_MEMORY] == receiver || port->parked[IN_WORDS] == receiver;
}
// Does it take so many bytes without handles, unseen?
ALWAYS_INLINE bool takes(const struct port *port, const struct fipc_thread *receiver, uint32_t size)
    REQUIRES(&port->lock) {
    return LIKELY(port->parked[IN_MEMORY] == receiver) ||
           size <= (port->parked[IN_WORDS] == receiver ? WORDS_SIZE : receiver->room);
}
ALWAYS_INLINE void drop_receiver(struct port *port, struct fipc_thread *receiver) REQUIRES(&port->lock) {
    if (port->parked[IN_MEMORY] == receiver)
        port->parked[IN_MEMORY] = nullptr;
    else if (port->parked[IN_WORDS] == receiver)
        port->parked[IN_WORDS] = nullptr;
    else
        list_remove(&receiver->receive_node);
}

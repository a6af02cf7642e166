// SPDX-License-Identifier: MPL-2.0
// The queues of a port: a list of messages for each sender, and the senders that have some take turns. So messages of
// one sender stay in order, and one that floods delays another by a message, not by its whole queue.
//
// Credits bound what is queued, in messages and in bytes. Pure data structure: the port's lock protects it.
#pragma once

#include <lib/list.h>

struct credit {
    uint32_t messages, bytes; // in use
    uint32_t messages_max, bytes_max;
};

ALWAYS_INLINE bool credit_has(const struct credit *credit, uint32_t bytes) {
    return credit->messages < credit->messages_max && bytes <= credit->bytes_max &&
           credit->bytes <= credit->bytes_max - bytes;
}
// No check: a message that could not be delivered goes back even if others have used its place meanwhile.
ALWAYS_INLINE void credit_take(struct credit *credit, uint32_t bytes) {
    credit->messages++;
    credit->bytes += bytes;
}
ALWAYS_INLINE void credit_give(struct credit *credit, uint32_t bytes) {
    credit->messages--;
    credit->bytes -= bytes;
}

struct sender {
    struct list_node turn;     // turns.senders, while there are messages
    struct list_node messages; // queued.node, oldest first
    struct credit credit;
};
struct queued {
    struct list_node node; // sender.messages
    struct sender *sender;
};
struct turns {
    struct list_node senders; // the next one first
};

void turns_init(struct turns *turns);
void sender_init(struct sender *sender);
ALWAYS_INLINE bool turns_are_empty(const struct turns *turns) {
    return list_is_empty(&turns->senders);
}
ALWAYS_INLINE bool sender_is_idle(const struct sender *sender) {
    return list_is_empty(&sender->messages);
}
void queue_put(struct turns *turns, struct sender *sender, struct queued *message);
// A message that was taken becomes the next one again.
void queue_put_back(struct turns *turns, struct sender *sender, struct queued *message);
// The next message; null: there is none. It stays.
struct queued *queue_peek(const struct turns *turns);
// Takes it out; its sender's next turn comes after all others'.
void queue_take(struct turns *turns, struct queued *message);
// Takes out any message.
void queue_remove(struct queued *message);

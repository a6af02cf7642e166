// SPDX-License-Identifier: MPL-2.0
// The queues of a port: a list of messages for each sender, and the senders that have some take turns. So messages of
// one sender stay in order, and one that floods delays another by a message, not by its whole queue.
//
// Turns come in rounds, and a sender has one message of each. A sender that had nothing queued and has had no turn in
// this round yet is served before all who have more than they get: so who sends now and then waits for the message
// that is being served and for others like it, however many flood, and who floods still has its turn in every round.
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
    struct list_node turn;     // in a list of turns, while there are messages
    struct list_node messages; // queued.node, oldest first
    uint32_t served;           // the round of its last turn
    struct credit credit;
};
struct queued {
    struct list_node node; // sender.messages
    struct sender *sender;
};
struct turns {
    struct list_node fresh; // they come first
    struct list_node now;   // these have waited since the round before
    struct list_node later; // have had their turn in this round
    uint32_t round;
    uint32_t senders; // in all three lists
};

void turns_init(struct turns *turns);
void sender_init(struct sender *sender);
ALWAYS_INLINE bool turns_are_empty(const struct turns *turns) {
    return turns->senders == 0;
}
ALWAYS_INLINE bool sender_is_idle(const struct sender *sender) {
    return list_is_empty(&sender->messages);
}
void queue_put(struct turns *turns, struct sender *sender, struct queued *message);
// A message that was taken becomes the next one again.
void queue_put_back(struct turns *turns, struct sender *sender, struct queued *message);
// The next message; null: there is none. It stays.
struct queued *queue_peek(const struct turns *turns);
// Takes the next message out; its sender's next turn is in another round.
void queue_take(struct turns *turns, struct queued *message);
// Takes out any message.
void queue_remove(struct turns *turns, struct queued *message);

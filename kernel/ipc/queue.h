// SPDX-License-Identifier: MPL-2.0
// The queues of a port: a list of messages for each sender, and the senders that have some take turns. So messages of
// one sender stay in order, and one that floods delays another by a message, not by its whole queue.
//
// Turns come in rounds, and a sender has one message of each. A sender that had nothing queued and has had no turn in
// this round yet is served before all who have more than they get: so who sends now and then waits for the message
// that is being served and for others like it, however many flood, and who floods still has its turn in every round.
//
// Groups take turns like senders, and within a group its senders and the groups in it do: a job that floods through a
// hundred rights has as many turns as one right of the job beside it (groups.c).
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

struct turn_group;
// Of a sender or of a group.
struct turn {
    struct list_node node;    // in a list of its group, while there are messages
    struct turn_group *group; // null: the outermost group's own
    uint32_t served;          // the round of its last turn
    bool is_group;
};
struct sender {
    struct turn turn;          // first
    struct list_node messages; // queued.node, oldest first
    struct credit credit;
};
struct queued {
    struct list_node node; // sender.messages
    struct sender *sender;
};
struct turn_group {
    struct turn turn;       // first
    struct list_node fresh; // they come first
    struct list_node now;   // these have waited since the round before
    struct list_node later; // have had their turn in this round
    uint32_t round;
    uint32_t turns; // in all three lists
};

// In another group; null: the outermost.
void turn_group_init(struct turn_group *group, struct turn_group *in);
void sender_init(struct sender *sender, struct turn_group *in);
ALWAYS_INLINE bool turns_are_empty(const struct turn_group *group) {
    return group->turns == 0;
}
ALWAYS_INLINE bool sender_is_idle(const struct sender *sender) {
    return list_is_empty(&sender->messages);
}
// An idle sender has its turns in another group from now on.
void sender_move(struct sender *sender, struct turn_group *to);
void queue_put(struct sender *sender, struct queued *message);
// A message that was taken becomes the next one again.
void queue_put_back(struct sender *sender, struct queued *message);
// Does one of its own senders, not of groups in it, have messages?
bool turn_group_has_senders(const struct turn_group *group);
// The next message of an outermost group; null: there is none. It stays.
struct queued *queue_peek(const struct turn_group *group);
// Takes the next message out; its sender's next turn is in another round.
void queue_take(struct queued *message);
// Takes out any message.
void queue_remove(struct queued *message);

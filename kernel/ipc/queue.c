// SPDX-License-Identifier: MPL-2.0
// Turns: see queue.h.
#include "queue.h"

void turns_init(struct turns *turns) {
    *turns = (struct turns){.round = 1};
    list_init(&turns->fresh);
    list_init(&turns->now);
    list_init(&turns->later);
}

void sender_init(struct sender *sender) {
    list_init(&sender->turn);
    list_init(&sender->messages);
    sender->served = 0;
}

void queue_put(struct turns *turns, struct sender *sender, struct queued *message) {
    message->sender = sender;
    if (sender_is_idle(sender)) {
        list_push_back(sender->served == turns->round ? &turns->later : &turns->fresh, &sender->turn);
        turns->senders++;
    }
    list_push_back(&sender->messages, &message->node);
}

void queue_put_back(struct turns *turns, struct sender *sender, struct queued *message) {
    message->sender = sender;
    turns->senders += sender_is_idle(sender);
    sender->served = turns->round - 1;
    list_remove(&sender->turn);
    list_push_front(&turns->fresh, &sender->turn);
    list_push_front(&sender->messages, &message->node);
}

struct queued *queue_peek(const struct turns *turns) {
    if (turns_are_empty(turns))
        return nullptr;
    const struct list_node *first = !list_is_empty(&turns->fresh) ? &turns->fresh
                                    : !list_is_empty(&turns->now) ? &turns->now
                                                                  : &turns->later;
    struct sender *sender = LIST_FIRST(first, struct sender, turn);
    return LIST_FIRST(&sender->messages, struct queued, node);
}

void queue_take(struct turns *turns, struct queued *message) {
    struct sender *sender = message->sender;
    if (list_is_empty(&turns->fresh) && list_is_empty(&turns->now)) {
        turns->round++;
        list_splice_back(&turns->now, &turns->later);
    }
    sender->served = turns->round;
    queue_remove(turns, message);
    if (!sender_is_idle(sender)) {
        list_remove(&sender->turn);
        list_push_back(&turns->later, &sender->turn);
    }
}

void queue_remove(struct turns *turns, struct queued *message) {
    struct sender *sender = message->sender;
    list_remove(&message->node);
    if (sender_is_idle(sender)) {
        list_remove(&sender->turn);
        turns->senders--;
    }
}

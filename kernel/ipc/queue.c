// SPDX-License-Identifier: MPL-2.0
// Turns: see queue.h.
#include "queue.h"

void turns_init(struct turns *turns) {
    list_init(&turns->senders);
}

void sender_init(struct sender *sender) {
    list_init(&sender->turn);
    list_init(&sender->messages);
}

void queue_put(struct turns *turns, struct sender *sender, struct queued *message) {
    message->sender = sender;
    if (sender_is_idle(sender))
        list_push_back(&turns->senders, &sender->turn);
    list_push_back(&sender->messages, &message->node);
}

void queue_put_back(struct turns *turns, struct sender *sender, struct queued *message) {
    message->sender = sender;
    list_remove(&sender->turn);
    list_push_front(&turns->senders, &sender->turn);
    list_push_front(&sender->messages, &message->node);
}

struct queued *queue_peek(const struct turns *turns) {
    if (turns_are_empty(turns))
        return nullptr;
    struct sender *sender = LIST_FIRST(&turns->senders, struct sender, turn);
    return LIST_FIRST(&sender->messages, struct queued, node);
}

void queue_take(struct turns *turns, struct queued *message) {
    struct sender *sender = message->sender;
    list_remove(&message->node);
    list_remove(&sender->turn);
    if (!sender_is_idle(sender))
        list_push_back(&turns->senders, &sender->turn);
}

void queue_remove(struct queued *message) {
    list_remove(&message->node);
    if (sender_is_idle(message->sender))
        list_remove(&message->sender->turn);
}

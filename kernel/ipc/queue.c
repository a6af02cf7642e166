// SPDX-License-Identifier: MPL-2.0
// Turns: see queue.h.
#include "queue.h"

static struct turn turn_in(struct turn_group *group, bool is_group) {
    return (struct turn){.group = group, .served = group ? group->round - 1 : 0, .is_group = is_group};
}

void turn_group_init(struct turn_group *group, struct turn_group *in) {
    *group = (struct turn_group){.turn = turn_in(in, true), .round = 1};
    list_init(&group->turn.node);
    list_init(&group->fresh);
    list_init(&group->now);
    list_init(&group->later);
}

void sender_init(struct sender *sender, struct turn_group *in) {
    sender->turn = turn_in(in, false);
    list_init(&sender->turn.node);
    list_init(&sender->messages);
}

void sender_move(struct sender *sender, struct turn_group *to) {
    sender->turn.group = to;
    sender->turn.served = to->round - 1;
}

// A group that had nothing queued begins a round with this turn.
static void join(struct turn *turn) {
    for (struct turn_group *group; (group = turn->group) != nullptr; turn = &group->turn) {
        if (group->turns++ > 0) {
            list_push_back(turn->served == group->round ? &group->later : &group->fresh, &turn->node);
            break;
        }
        group->round++;
        list_push_front(&group->fresh, &turn->node);
    }
}

void queue_put(struct sender *sender, struct queued *message) {
    message->sender = sender;
    if (sender_is_idle(sender))
        join(&sender->turn);
    list_push_back(&sender->messages, &message->node);
}

void queue_put_back(struct sender *sender, struct queued *message) {
    struct turn *turn = &sender->turn;
    bool joins = sender_is_idle(sender);
    message->sender = sender;
    list_push_front(&sender->messages, &message->node);
    for (struct turn_group *group; (group = turn->group) != nullptr; turn = &group->turn) {
        turn->served = group->round - 1;
        list_remove(&turn->node);
        list_push_front(&group->fresh, &turn->node);
        group->turns += joins;
        joins = group->turns == 1 && joins;
    }
}

static bool has_sender(const struct list_node *turns) {
    struct turn *turn;
    LIST_FOR_EACH(turn, turns, node)
    if (!turn->is_group)
        return true;
    return false;
}

bool turn_group_has_senders(const struct turn_group *group) {
    return has_sender(&group->fresh) || has_sender(&group->now) || has_sender(&group->later);
}

static struct turn *next_turn(const struct turn_group *group) {
    const struct list_node *first = !list_is_empty(&group->fresh) ? &group->fresh
                                    : !list_is_empty(&group->now) ? &group->now
                                                                  : &group->later;
    return LIST_FIRST(first, struct turn, node);
}

struct queued *queue_peek(const struct turn_group *group) {
    if (turns_are_empty(group))
        return nullptr;
    struct turn *turn = next_turn(group);
    while (turn->is_group)
        turn = next_turn(CONTAINER_OF(turn, struct turn_group, turn));
    return LIST_FIRST(&CONTAINER_OF(turn, struct sender, turn)->messages, struct queued, node);
}

void queue_take(struct queued *message) {
    struct turn *turn = &message->sender->turn;
    list_remove(&message->node);
    bool more = !sender_is_idle(message->sender);
    for (struct turn_group *group; (group = turn->group) != nullptr; turn = &group->turn) {
        if (list_is_empty(&group->fresh) && list_is_empty(&group->now)) {
            group->round++;
            list_splice_back(&group->now, &group->later);
        }
        turn->served = group->round;
        list_remove(&turn->node);
        if (more)
            list_push_back(&group->later, &turn->node);
        else
            more = --group->turns > 0;
    }
}

void queue_remove(struct queued *message) {
    struct turn *turn = &message->sender->turn;
    list_remove(&message->node);
    if (!sender_is_idle(message->sender))
        return;
    for (struct turn_group *group; (group = turn->group) != nullptr; turn = &group->turn) {
        list_remove(&turn->node);
        if (--group->turns > 0)
            break;
    }
}

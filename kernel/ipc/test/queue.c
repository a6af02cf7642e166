// SPDX-License-Identifier: MPL-2.0
// Credits and turns.
#include "queue.h"

#include <stdlib.h>
#include <tap.h>

static void credits(void) {
    struct credit c = {.messages_max = 2, .bytes_max = 100};
    ok(credit_has(&c, 100) && !credit_has(&c, 101), "as many bytes as the limit");
    credit_take(&c, 60);
    ok(credit_has(&c, 40) && !credit_has(&c, 41), "what is left");
    credit_take(&c, 0);
    ok(!credit_has(&c, 0), "no more messages than the limit");
    credit_take(&c, 80); // put back
    ok(!credit_has(&c, 0) && c.bytes == 140, "what comes back may be more");
    credit_give(&c, 80), credit_give(&c, 0), credit_give(&c, 60);
    ok(c.messages == 0 && c.bytes == 0, "all given back");
    c.bytes_max = UINT32_MAX;
    credit_take(&c, UINT32_MAX - 1);
    ok(credit_has(&c, 1) && !credit_has(&c, 2), "no overflow");
}

enum { SENDERS = 5, EACH = 40 };
static struct sender senders[SENDERS];
struct numbered {
    struct queued queued;
    unsigned number;
};

static void turns(void) {
    struct turn_group turns;
    static struct numbered messages[SENDERS][EACH];
    turn_group_init(&turns, nullptr);
    ok(queue_peek(&turns) == nullptr, "an empty queue");
    for (unsigned s = 0; s < SENDERS; s++)
        sender_init(&senders[s], &turns);
    for (unsigned i = 0; i < EACH; i++) // the first sender has a long queue before the others come
        messages[0][i].number = i, queue_put(&senders[0], &messages[0][i].queued);
    for (unsigned s = 1; s < SENDERS; s++)
        for (unsigned i = 0; i < 3; i++)
            messages[s][i].number = i, queue_put(&senders[s], &messages[s][i].queued);
    unsigned next[SENDERS] = {}, taken = 0, last_of_others = 0;
    bool ordered = true;
    struct queued *q;
    while ((q = queue_peek(&turns)) != nullptr) {
        unsigned s = (unsigned)(q->sender - senders);
        ordered &= CONTAINER_OF(q, struct numbered, queued)->number == next[s]++;
        queue_take(q);
        taken++;
        if (s != 0)
            last_of_others = taken;
    }
    ok(ordered, "messages of a sender come in order");
    ok(taken == EACH + 3 * (SENDERS - 1), "all come");
    ok(last_of_others <= 3 * SENDERS, "a long queue does not delay the others");
    ok(turns_are_empty(&turns) && sender_is_idle(&senders[0]), "and then it is empty");
}

// Messages of others between a call and its turn, for one who calls when all flood, with `between` of the others'
// messages taken since its last one.
static unsigned wait_of_one(struct turn_group *turns, struct sender *one, unsigned between) {
    struct queued call, *q;
    for (unsigned i = 0; i < between; i++) {
        q = queue_peek(turns);
        struct sender *sender = q->sender;
        queue_take(q);
        queue_put(sender, q);
    }
    queue_put(one, &call);
    unsigned waited = 0;
    while ((q = queue_peek(turns)) != &call) {
        struct sender *sender = q->sender;
        queue_take(q);
        queue_put(sender, q);
        waited++;
    }
    queue_take(&call);
    return waited;
}

static void floods(void) {
    enum { FLOODERS = 50 };
    static struct sender flooders[FLOODERS];
    static struct queued messages[FLOODERS][3];
    struct sender one;
    struct turn_group turns;
    turn_group_init(&turns, nullptr);
    sender_init(&one, &turns);
    sender_init(&flooders[0], &turns);
    for (unsigned i = 0; i < 3; i++)
        queue_put(&flooders[0], &messages[0][i]);
    unsigned most = 0;
    for (unsigned i = 0; i < 100; i++)
        most = MAX(most, wait_of_one(&turns, &one, 1));
    ok(most == 0, "beside one that floods, a caller is always next");
    most = 0;
    for (unsigned i = 0; i < 100; i++)
        most = MAX(most, wait_of_one(&turns, &one, 0));
    ok(most == 1, "unless it calls before the other has had its turn");
    for (unsigned f = 1; f < FLOODERS; f++) {
        sender_init(&flooders[f], &turns);
        for (unsigned i = 0; i < 3; i++)
            queue_put(&flooders[f], &messages[f][i]);
    }
    (void)wait_of_one(&turns, &one, 3 * FLOODERS);
    most = 0;
    for (unsigned i = 0; i < 100; i++)
        most = MAX(most, wait_of_one(&turns, &one, FLOODERS));
    ok(most == 0, "nor do fifty delay one that calls once a round");
    most = 0;
    for (unsigned i = 0; i < 200; i++)
        most = MAX(most, wait_of_one(&turns, &one, 0));
    ok(most == FLOODERS, "and one that calls at once again waits for a round (%u)", most);
}

static void put_back_and_remove(void) {
    struct turn_group turns;
    struct queued a1, a2, b1;
    turn_group_init(&turns, nullptr);
    for (unsigned s = 0; s < SENDERS; s++)
        sender_init(&senders[s], &turns);
    queue_put(&senders[0], &a1);
    queue_put(&senders[1], &b1);
    queue_put(&senders[0], &a2);
    queue_take(&a1);
    queue_put_back(&senders[0], &a1);
    ok(queue_peek(&turns) == &a1, "what was put back is the next one");
    queue_take(&a1);
    ok(queue_peek(&turns) == &b1, "then it is the other's turn");
    queue_remove(&b1);
    ok(queue_peek(&turns) == &a2 && sender_is_idle(&senders[1]), "a removed message takes its sender along");
    queue_remove(&a2);
    ok(turns_are_empty(&turns), "empty");
    queue_put_back(&senders[1], &b1);
    ok(queue_peek(&turns) == &b1, "back into an empty queue");
    queue_take(&b1);
}

// A group that floods through fifty senders, some in a group within, beside one sender in another.
static void groups_take_turns(void) {
    enum { FLOODERS = 50 };
    static struct sender flooders[FLOODERS];
    static struct queued messages[FLOODERS][2];
    struct turn_group turns, bad, worse, good;
    struct sender one;
    turn_group_init(&turns, nullptr);
    turn_group_init(&bad, &turns), turn_group_init(&worse, &bad), turn_group_init(&good, &turns);
    for (unsigned f = 0; f < FLOODERS; f++) {
        sender_init(&flooders[f], f % 2 ? &bad : &worse);
        for (unsigned i = 0; i < 2; i++)
            queue_put(&flooders[f], &messages[f][i]);
    }
    sender_init(&one, &good);
    unsigned most = 0;
    for (unsigned i = 0; i < 100; i++)
        most = MAX(most, wait_of_one(&turns, &one, 1));
    ok(most == 0, "a sender of another group is next, however many senders a group has");
    for (unsigned i = 0; i < 100; i++)
        most = MAX(most, wait_of_one(&turns, &one, 0));
    ok(most == 1, "or waits for one of them");
    unsigned last[FLOODERS] = {}, longest = 0;
    for (unsigned i = 1; i <= 1000; i++) {
        struct queued *q = queue_peek(&turns);
        unsigned f = (unsigned)(q->sender - flooders);
        if (f % 2 && last[f])
            longest = MAX(longest, i - last[f]);
        last[f] = i;
        queue_take(q);
        queue_put(&flooders[f], q);
    }
    ok(longest == FLOODERS / 2 + 1, "within a group a group within has one turn a round (%u)", longest);
    ok(turn_group_has_senders(&bad) && !turn_group_has_senders(&good) && !turn_group_has_senders(&turns),
       "which groups have senders of their own");
    for (struct queued *q; (q = queue_peek(&turns)) != nullptr;)
        queue_take(q);
    ok(bad.turns + worse.turns + good.turns + turns.turns == 0, "all empty again");
    struct queued again;
    queue_put(&flooders[0], &again), queue_put(&one, &messages[0][0]);
    queue_take(&again), queue_put_back(&flooders[0], &again);
    ok(queue_peek(&turns) == &again, "what is put back is next, through all groups");
    queue_remove(&again);
    ok(queue_peek(&turns) == &messages[0][0] && bad.turns == 0, "what is removed takes its groups along");
    queue_take(&messages[0][0]);
}

// Against a model: an array of what is queued.
static void random_order(void) {
    struct turn_group turns, groups[2];
    static struct numbered pool[200];
    unsigned put[SENDERS] = {}, got[SENDERS] = {}, used = 0;
    bool good = true;
    turn_group_init(&turns, nullptr);
    turn_group_init(&groups[0], &turns);
    turn_group_init(&groups[1], &groups[0]);
    for (unsigned s = 0; s < SENDERS; s++)
        sender_init(&senders[s], s < 2 ? &turns : &groups[s % 2]);
    srand(7);
    for (unsigned round = 0; round < 100000; round++) {
        struct queued *q = queue_peek(&turns);
        if (used < 200 && (rand() % 2 || !q)) {
            unsigned s = (unsigned)rand() % SENDERS, i = 0;
            while (i < 200 && pool[i].queued.sender)
                i++;
            pool[i].number = put[s]++;
            queue_put(&senders[s], &pool[i].queued);
            used++;
        } else if (q) {
            unsigned s = (unsigned)(q->sender - senders);
            queue_take(q);
            if (rand() % 4 == 0) {
                queue_put_back(&senders[s], q);
                continue;
            }
            good &= CONTAINER_OF(q, struct numbered, queued)->number == got[s]++;
            q->sender = nullptr;
            used--;
        }
    }
    for (unsigned s = 0; s < SENDERS; s++)
        used -= put[s] - got[s];
    ok(good && used == 0, "a hundred thousand random steps keep the order");
}

int main(void) {
    credits();
    turns();
    floods();
    put_back_and_remove();
    groups_take_turns();
    random_order();
    return tap_done();
}

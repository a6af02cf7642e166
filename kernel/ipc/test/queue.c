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
    struct turns turns;
    static struct numbered messages[SENDERS][EACH];
    turns_init(&turns);
    ok(queue_peek(&turns) == nullptr, "an empty queue");
    for (unsigned s = 0; s < SENDERS; s++)
        sender_init(&senders[s]);
    for (unsigned i = 0; i < EACH; i++) // the first sender has a long queue before the others come
        messages[0][i].number = i, queue_put(&turns, &senders[0], &messages[0][i].queued);
    for (unsigned s = 1; s < SENDERS; s++)
        for (unsigned i = 0; i < 3; i++)
            messages[s][i].number = i, queue_put(&turns, &senders[s], &messages[s][i].queued);
    unsigned next[SENDERS] = {}, taken = 0, last_of_others = 0;
    bool ordered = true;
    struct queued *q;
    while ((q = queue_peek(&turns)) != nullptr) {
        unsigned s = (unsigned)(q->sender - senders);
        ordered &= CONTAINER_OF(q, struct numbered, queued)->number == next[s]++;
        queue_take(&turns, q);
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
static unsigned wait_of_one(struct turns *turns, struct sender *one, unsigned between) {
    struct queued call, *q;
    for (unsigned i = 0; i < between; i++) {
        q = queue_peek(turns);
        struct sender *sender = q->sender;
        queue_take(turns, q);
        queue_put(turns, sender, q);
    }
    queue_put(turns, one, &call);
    unsigned waited = 0;
    while ((q = queue_peek(turns)) != &call) {
        struct sender *sender = q->sender;
        queue_take(turns, q);
        queue_put(turns, sender, q);
        waited++;
    }
    queue_take(turns, &call);
    return waited;
}

static void floods(void) {
    enum { FLOODERS = 50 };
    static struct sender flooders[FLOODERS];
    static struct queued messages[FLOODERS][3];
    struct sender one;
    struct turns turns;
    turns_init(&turns);
    sender_init(&one);
    sender_init(&flooders[0]);
    for (unsigned i = 0; i < 3; i++)
        queue_put(&turns, &flooders[0], &messages[0][i]);
    unsigned most = 0;
    for (unsigned i = 0; i < 100; i++)
        most = MAX(most, wait_of_one(&turns, &one, 1));
    ok(most == 0, "beside one that floods, a caller is always next");
    most = 0;
    for (unsigned i = 0; i < 100; i++)
        most = MAX(most, wait_of_one(&turns, &one, 0));
    ok(most == 1, "unless it calls before the other has had its turn");
    for (unsigned f = 1; f < FLOODERS; f++) {
        sender_init(&flooders[f]);
        for (unsigned i = 0; i < 3; i++)
            queue_put(&turns, &flooders[f], &messages[f][i]);
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
    struct turns turns;
    struct queued a1, a2, b1;
    turns_init(&turns);
    queue_put(&turns, &senders[0], &a1);
    queue_put(&turns, &senders[1], &b1);
    queue_put(&turns, &senders[0], &a2);
    queue_take(&turns, &a1);
    queue_put_back(&turns, &senders[0], &a1);
    ok(queue_peek(&turns) == &a1, "what was put back is the next one");
    queue_take(&turns, &a1);
    ok(queue_peek(&turns) == &b1, "then it is the other's turn");
    queue_remove(&turns, &b1);
    ok(queue_peek(&turns) == &a2 && sender_is_idle(&senders[1]), "a removed message takes its sender along");
    queue_remove(&turns, &a2);
    ok(turns_are_empty(&turns), "empty");
    queue_put_back(&turns, &senders[1], &b1);
    ok(queue_peek(&turns) == &b1, "back into an empty queue");
    queue_take(&turns, &b1);
}

// Against a model: an array of what is queued.
static void random_order(void) {
    struct turns turns;
    static struct numbered pool[200];
    unsigned put[SENDERS] = {}, got[SENDERS] = {}, used = 0;
    bool good = true;
    turns_init(&turns);
    srand(7);
    for (unsigned round = 0; round < 100000; round++) {
        struct queued *q = queue_peek(&turns);
        if (used < 200 && (rand() % 2 || !q)) {
            unsigned s = (unsigned)rand() % SENDERS, i = 0;
            while (i < 200 && pool[i].queued.sender)
                i++;
            pool[i].number = put[s]++;
            queue_put(&turns, &senders[s], &pool[i].queued);
            used++;
        } else if (q) {
            unsigned s = (unsigned)(q->sender - senders);
            queue_take(&turns, q);
            if (rand() % 4 == 0) {
                queue_put_back(&turns, &senders[s], q);
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
    random_order();
    return tap_done();
}

// SPDX-License-Identifier: MPL-2.0
// Random insertions and removals against a sorted array, with the red-black rules checked throughout.

#include <lib/rbtree.h>
#include <stdlib.h>
#include <tap.h>

enum { COUNT = 600, ROUNDS = 40000 };

struct thing {
    struct rb_node node;
    unsigned key, stamp;
    bool in;
};

static struct {
    struct rb_tree tree;
    struct thing things[COUNT];
    unsigned in_tree, stamp;
} t;

static bool less(const struct rb_node *a, const struct rb_node *b) {
    return RB_ENTRY(a, struct thing, node)->key < RB_ENTRY(b, struct thing, node)->key;
}

// The black height below `node`, or -1 if a rule is broken.
static int black_height(const struct rb_node *node, const struct rb_node *parent) {
    if (!node)
        return 0;
    bool red = node->parent_and_color & 1;
    if (rb_parent(node) != parent || (red && (!parent || (parent->parent_and_color & 1))))
        return -1;
    int left = black_height(node->child[0], node), right = black_height(node->child[1], node);
    return left < 0 || left != right ? -1 : left + !red;
}

static bool order_is_right(void) {
    unsigned seen = 0;
    const struct thing *last = nullptr;
    for (struct rb_node *n = rb_first(&t.tree); n; n = rb_next(n)) {
        const struct thing *thing = RB_ENTRY(n, struct thing, node);
        if (!thing->in || (last && (last->key > thing->key || (last->key == thing->key && last->stamp > thing->stamp))))
            return false;
        if (rb_prev(n) != (last ? &last->node : nullptr))
            return false;
        last = thing;
        seen++;
    }
    return seen == t.in_tree && rb_last(&t.tree) == (last ? &last->node : nullptr);
}

static void toggle(struct thing *thing, bool by_hand) {
    if (thing->in) {
        rb_remove(&t.tree, &thing->node);
        t.in_tree--;
    } else {
        thing->key = (unsigned)rand() % 300; // many equal keys
        thing->stamp = t.stamp++;
        t.in_tree++;
        if (by_hand) {
            struct rb_node *parent = nullptr, **link = &t.tree.root;
            while (*link) {
                parent = *link;
                link = &parent->child[thing->key >= RB_ENTRY(parent, struct thing, node)->key];
            }
            rb_link(&t.tree, &thing->node, parent, link);
        } else {
            rb_insert(&t.tree, &thing->node, less);
        }
    }
    thing->in = !thing->in;
}

int main(void) {
    srand(7);
    bool rules = true, order = true;
    for (unsigned i = 0; i < COUNT; i++)
        rb_node_init(&t.things[i].node);
    ok(!rb_first(&t.tree) && !rb_last(&t.tree) && rb_is_empty(&t.tree), "an empty tree has no ends");
    for (unsigned round = 0; round < ROUNDS; round++) {
        toggle(&t.things[(unsigned)rand() % COUNT], round & 1);
        if (round % 16 == 0) {
            rules = rules && black_height(t.tree.root, nullptr) >= 0;
            order = order && order_is_right();
        }
    }
    ok(rules, "the red-black rules hold in %d random steps", ROUNDS);
    ok(order, "the order is that of a model, equal keys first come first");
    struct rb_node *first = rb_first(&t.tree);
    struct thing twin = *RB_ENTRY(first, struct thing, node);
    rb_replace(&t.tree, first, &twin.node);
    ok(rb_first(&t.tree) == &twin.node && !rb_is_linked(first), "a node can be replaced in place");
    rb_replace(&t.tree, &twin.node, first);
    for (unsigned i = 0; i < COUNT; i++)
        if (t.things[i].in)
            toggle(&t.things[i], false);
    ok(rb_is_empty(&t.tree), "and the tree can be emptied");
    ok(!rb_is_linked(&t.things[0].node), "a removed node knows that it is out");
    return tap_done();
}

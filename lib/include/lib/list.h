// SPDX-License-Identifier: MPL-2.0
// Intrusive doubly linked lists. A list head is a node of its own; an unlinked node points to itself.
#pragma once

#include <lib/assert.h>
#include <lib/types.h>

struct list_node {
    struct list_node *next;
    struct list_node *prev;
};

#define LIST_INIT(name) {&(name), &(name)}

ALWAYS_INLINE void list_init(struct list_node *head) {
    head->next = head->prev = head;
}
ALWAYS_INLINE bool list_is_empty(const struct list_node *head) {
    return head->next == head;
}
ALWAYS_INLINE bool list_is_linked(const struct list_node *node) {
    return node->next != node;
}

ALWAYS_INLINE void list_insert_between(struct list_node *node, struct list_node *prev, struct list_node *next) {
    node->prev = prev;
    node->next = next;
    prev->next = node;
    next->prev = node;
}

ALWAYS_INLINE void list_push_front(struct list_node *head, struct list_node *node) {
    list_insert_between(node, head, head->next);
}

ALWAYS_INLINE void list_push_back(struct list_node *head, struct list_node *node) {
    list_insert_between(node, head->prev, head);
}

// Unlinks the node and leaves it pointing to itself, so that a second removal is harmless.
ALWAYS_INLINE void list_remove(struct list_node *node) {
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

ALWAYS_INLINE struct list_node *list_pop_front(struct list_node *head) {
    if (list_is_empty(head))
        return nullptr;
    struct list_node *node = head->next;
    list_remove(node);
    return node;
}

// Moves all of `from` to the end of `to`; `from` is left empty.
ALWAYS_INLINE void list_splice_back(struct list_node *to, struct list_node *from) {
    if (list_is_empty(from))
        return;
    struct list_node *first = from->next, *last = from->prev;
    first->prev = to->prev;
    to->prev->next = first;
    last->next = to;
    to->prev = last;
    list_init(from);
}

#define LIST_ENTRY(node, type, member) CONTAINER_OF(node, type, member)
#define LIST_FIRST(head, type, member) LIST_ENTRY((head)->next, type, member)
#define LIST_FOR_EACH(it, head, member)                                             \
    for (it = LIST_ENTRY((head)->next, typeof(*it), member); &it->member != (head); \
         it = LIST_ENTRY(it->member.next, typeof(*it), member))
// As above, but `it` may be removed (and freed) in the body.
#define LIST_FOR_EACH_SAFE(it, following, head, member)               \
    for (it = LIST_ENTRY((head)->next, typeof(*it), member),          \
        following = LIST_ENTRY(it->member.next, typeof(*it), member); \
         &it->member != (head); it = following, following = LIST_ENTRY(it->member.next, typeof(*it), member))

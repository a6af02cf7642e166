// SPDX-License-Identifier: MPL-2.0
// Lists: a head and links in a circle.
#pragma once

#include <stdbool.h>

struct link {
    struct link *next, *previous;
};
static inline void link_init(struct link *head) {
    head->next = head->previous = head;
}
static inline void link_append(struct link *head, struct link *link) {
    link->next = head;
    link->previous = head->previous;
    head->previous->next = link;
    head->previous = link;
}
static inline void link_remove(struct link *link) {
    link->previous->next = link->next;
    link->next->previous = link->previous;
    link_init(link);
}
static inline bool link_is_empty(const struct link *head) {
    return head->next == head;
}

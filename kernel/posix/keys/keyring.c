// SPDX-License-Identifier: MPL-2.0
// Keyrings: links to keys, and walks along them.
//
// A keyring's links are a tree ordered by type and description, keyrings first: it has one of each at most, and those
// that lead on are its beginning. Keyrings make no cycles (keyring_link), so references alone end them; but one may be
// reached by many ways. A walk therefore marks where it has been, and visits each once: its cost is the number of
// links, whatever a program has tied together. It keeps what is still to be visited in a list, and does not recurse.
#include "key_priv.h"

#include <lib/string.h>
#include <mm/charged.h>

#define LINK_TOLL 4 // bytes of the quota

CHARGED_CACHE(link_cache, struct key_link);

static struct key_link *link_of(struct rb_node *node) {
    return node ? RB_ENTRY(node, struct key_link, node) : nullptr;
}

// As strcmp. Types are few and have no order but this one.
static int compare(const struct key *key, const struct key_type *type, const char *description) {
    if (key->type != type)
        return key->type->keyring ? -1 : type->keyring ? 1 : strcmp(key->type->name, type->name);
    return strcmp(key->description, description);
}

static struct key_link *find_link(struct key *ring, const struct key_type *type, const char *description,
                                  struct rb_node **parent, struct rb_node ***place) {
    *parent = nullptr;
    *place = &ring->links.root;
    while (**place) {
        struct key_link *link = link_of(**place);
        int order = compare(link->key, type, description);
        if (order == 0)
            return link;
        *parent = **place;
        *place = &(*parent)->child[order < 0];
    }
    return nullptr;
}

struct key *keyring_find(struct key *ring, const struct key_type *type, const char *description) {
    struct rb_node *parent, **place;
    struct key_link *link = find_link(ring, type, description, &parent, &place);
    return link ? link->key : nullptr;
}

struct key *keyring_first(const struct key *ring, struct key_link **at) {
    *at = link_of(rb_first(&ring->links));
    return *at ? (*at)->key : nullptr;
}

struct key *keyring_next(struct key_link **at) {
    *at = link_of(rb_next(&(*at)->node));
    return *at ? (*at)->key : nullptr;
}

// ---------------------------------------------------------------- walks

struct walk {
    struct list_node todo; // by key.work
    uint64_t mark;
};

static void walk_begin(struct walk *walk, struct key *from) REQUIRES(&key_lock) {
    static uint64_t marks GUARDED_BY(&key_lock);
    list_init(&walk->todo);
    walk->mark = from->walk = ++marks;
    from->depth = 0;
    list_push_back(&walk->todo, &from->work);
}

// The next keyring, which is in no list any more; null: it was the last.
static struct key *walk_next(struct walk *walk) REQUIRES(&key_lock) {
    if (list_is_empty(&walk->todo))
        return nullptr;
    struct key *ring = CONTAINER_OF(walk->todo.next, struct key, work);
    list_remove(&ring->work);
    list_init(&ring->work);
    return ring;
}

// Those within `ring` come next. `ref.possessed`: for asking permission; null: all of them.
static void walk_into(struct walk *walk, struct key *ring, const struct key_ref *asker) REQUIRES(&key_lock) {
    struct key_link *at;
    for (struct key *key = keyring_first(ring, &at); key && key->type->keyring; key = keyring_next(&at)) {
        if (key->walk == walk->mark)
            continue;
        bool closed = key->revoked || key->invalid ||
                      key_permission((struct key_ref){key, asker && asker->possessed}, KEY_SEARCH) != 0;
        if (asker && closed)
            continue;
        key->walk = walk->mark;
        key->depth = ring->depth + 1;
        list_push_back(&walk->todo, &key->work);
    }
}

static void walk_end(struct walk *walk) REQUIRES(&key_lock) {
    while (walk_next(walk))
        ;
}

// What is to be said of the key that a search has met: 0, it is the one.
static status_t judge(struct key_ref ref, const struct key_search *search) REQUIRES(&key_lock) {
    if (search->wanted && ref.key != search->wanted)
        return -EAGAIN;
    if (!search->wanted) {
        if (ref.key->invalid || ref.key->revoked)
            return -EKEYREVOKED;
        status_t status = key_validate(ref.key);
        if (status != 0)
            return status;
    }
    return key_permission(ref, KEY_SEARCH);
}

status_t keyring_search(struct key_ref from, const struct key_search *search, struct key_ref *out) {
    struct walk walk;
    const struct key_type *type = search->wanted ? search->wanted->type : search->type;
    const char *description = search->wanted ? search->wanted->description : search->description;
    status_t result = -EAGAIN;
    if (!from.key->type->keyring)
        return -ENOTDIR;
    if (key_permission(from, KEY_SEARCH) != 0)
        return -EACCES;
    if (compare(from.key, type, description) == 0 && judge(from, search) == 0) {
        *out = from;
        return 0;
    }
    walk_begin(&walk, from.key);
    for (struct key *ring; result != 0 && (ring = walk_next(&walk));) {
        struct key *key = keyring_find(ring, type, description);
        if (key) {
            *out = (struct key_ref){key, from.possessed};
            status_t status = judge(*out, search);
            result = status == -EAGAIN ? result : status;
        }
        if (result != 0 && ring->depth < KEY_DEPTH_MAX)
            walk_into(&walk, ring, &from);
    }
    walk_end(&walk);
    return result;
}

// Would a link in `ring` to the keyring `key` make a cycle, or nest too deep?
static status_t check_nesting(struct key *ring, struct key *key) REQUIRES(&key_lock) {
    struct walk walk;
    status_t status = 0;
    walk_begin(&walk, key);
    for (struct key *at; status == 0 && (at = walk_next(&walk));) {
        if (at == ring)
            status = -EDEADLK;
        else if (at->depth >= KEY_DEPTH_MAX)
            status = -ELOOP;
        else
            walk_into(&walk, at, nullptr);
    }
    walk_end(&walk);
    return status;
}

// ---------------------------------------------------------------- links

static status_t may_link(struct key *ring, struct key *key) REQUIRES(&key_lock) {
    if (!ring->type->keyring)
        return -ENOTDIR;
    if (ring->revoked)
        return -EKEYREVOKED;
    if (ring->sealed)
        return -EPERM;
    return key->type->keyring ? check_nesting(ring, key) : 0;
}

status_t keyring_link(struct key *ring, struct key *key) {
    struct rb_node *parent, **place;
    status_t status = may_link(ring, key);
    if (status != 0)
        return status;
    struct key_link *link = find_link(ring, key->type, key->description, &parent, &place);
    if (link) {
        struct key *old = link->key;
        link->key = key_get(key);
        key_put(old);
        return 0;
    }
    status = key_reserve(ring, LINK_TOLL);
    if (status != 0)
        return status;
    link = charged_alloc(&link_cache);
    if (!link) {
        (void)!key_reserve(ring, -LINK_TOLL); // less always goes
        return -ENOMEM;
    }
    link->key = key_get(key);
    ring->link_count++;
    rb_link(&ring->links, &link->node, parent, place);
    return 0;
}

static void drop(struct key *ring, struct key_link *link) REQUIRES(&key_lock) {
    rb_remove(&ring->links, &link->node);
    ring->link_count--;
    (void)!key_reserve(ring, -LINK_TOLL); // less always goes
    key_put(link->key);
    charged_free(&link_cache, link);
}

status_t keyring_unlink(struct key *ring, struct key *key) {
    struct rb_node *parent, **place;
    if (!ring->type->keyring)
        return -ENOTDIR;
    struct key_link *link = find_link(ring, key->type, key->description, &parent, &place);
    if (!link || link->key != key)
        return -ENOENT;
    drop(ring, link);
    return 0;
}

void keyring_clear(struct key *ring) {
    struct key_link *link;
    while ((link = link_of(rb_first(&ring->links))))
        drop(ring, link);
}

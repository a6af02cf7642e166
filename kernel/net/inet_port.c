// SPDX-License-Identifier: MPL-2.0
// Ports: who has which, and who gets what is sent there.
//
// Whoever has a port (bind, connect, accept) has a claim in the port's bucket. Two may have the same port if their
// addresses differ, if both allow it (SO_REUSEADDR, SO_REUSEPORT), or if they are connections with different
// ends. The end of a connection that was closed first keeps its claim for a minute (TIME_WAIT), as it would to keep
// late packets from a new connection; programs know it by EADDRINUSE. At most WAITING_MAX such claims are kept.
#include "inet_priv.h"
#include "net_setting.h"

#include <lib/random.h>
#include <mm/slab.h>

#define BUCKETS 256
#define WAITING_MAX 4096
#define WAIT_TIME (60ll * 1000000000)
#define REUSE_TIME 1000000000ll // a connection that is over for so long may be made again

struct bucket {
    struct list_node claims, receivers;
};

struct spinlock inet_lock;

static struct {
    struct bucket table[5][BUCKETS] GUARDED_BY(&inet_lock); // TCP, UDP, UDP-Lite, ping's of both versions
    struct list_node waiting GUARDED_BY(&inet_lock);        // by age
    unsigned waiting_count GUARDED_BY(&inet_lock);
} ports = {.waiting = LIST_INIT(ports.waiting)};

static struct bucket *bucket_of(int protocol, uint16_t port) REQUIRES(&inet_lock) {
    unsigned table = protocol == IPPROTO_TCP       ? 0
                     : protocol == IPPROTO_UDP     ? 1
                     : protocol == IPPROTO_UDPLITE ? 2
                     : protocol == IPPROTO_ICMP    ? 3
                                                   : 4;
    struct bucket *bucket = &ports.table[table][port % BUCKETS];
    if (!bucket->claims.next) {
        list_init(&bucket->claims);
        list_init(&bucket->receivers);
    }
    return bucket;
}

static int protocol_of(const struct inet_claim *claim) {
    return claim->socket ? claim->socket->socket.protocol : IPPROTO_TCP;
}

static void drop_waiting(struct inet_claim *claim) REQUIRES(&inet_lock) {
    list_remove(&claim->node);
    list_remove(&claim->waiting);
    ports.waiting_count--;
    kfree(claim);
}

static void expire(void) REQUIRES(&inet_lock) {
    nsec_t now = clock_now();
    while (!list_is_empty(&ports.waiting)) {
        struct inet_claim *oldest = LIST_FIRST(&ports.waiting, struct inet_claim, waiting);
        if (oldest->since + WAIT_TIME > now && ports.waiting_count <= WAITING_MAX)
            break;
        drop_waiting(oldest);
    }
}

// --- may two have the same port? ---

static bool is_v6_only(const struct inet_claim *claim) {
    return claim->socket && !inet_is_v4(claim->socket) && inet_option(claim->socket, OPTION_V6ONLY);
}

static bool addresses_overlap(const struct inet_claim *a, const struct inet_claim *b) {
    const struct inet_address *x = &a->local.address, *y = &b->local.address;
    bool x_v4 = inet_address_is_v4(x), y_v4 = inet_address_is_v4(y);
    if (x_v4 == y_v4)
        return inet_address_is_any(x) || inet_address_is_any(y) || inet_address_equal(x, y);
    // The unspecified IPv6 address takes IPv4 in as well.
    const struct inet_claim *v6 = x_v4 ? b : a;
    return inet_address_is_any(&v6->local.address) && !is_v6_only(v6);
}

static bool has_option(const struct inet_claim *claim, unsigned option) {
    return claim->socket ? socket_option(&claim->socket->socket, option) : claim->reusable;
}

static bool conflict(const struct inet_claim *mine, const struct inet_claim *other) {
    if (other == mine || other->local.port != mine->local.port || !addresses_overlap(mine, other))
        return false;
    bool listens = other->state == TCP_LISTEN || mine->state == TCP_LISTEN;
    if (has_option(mine, SO_REUSEADDR) && has_option(other, SO_REUSEADDR) && !(listens && other->state == TCP_LISTEN))
        return false;
    return !(has_option(mine, SO_REUSEPORT) && has_option(other, SO_REUSEPORT) && mine->uid == other->uid);
}

static bool is_taken(const struct inet_claim *claim) REQUIRES(&inet_lock) {
    struct inet_claim *other;
    LIST_FOR_EACH(other, &bucket_of(protocol_of(claim), claim->local.port)->claims, node)
    if (conflict(claim, other))
        return true;
    return false;
}

// Has another the same pair of names, or (`alone`) a port that was not chosen by connect?
static bool is_paired(const struct inet_claim *claim, bool alone) REQUIRES(&inet_lock) {
    struct inet_claim *other, *following;
    LIST_FOR_EACH_SAFE(other, following, &bucket_of(protocol_of(claim), claim->local.port)->claims, node) {
        if (other == claim || other->local.port != claim->local.port)
            continue;
        if (alone && !other->automatic && addresses_overlap(claim, other))
            return true;
        if (other->remote.port != claim->remote.port ||
            !inet_address_equal(&other->remote.address, &claim->remote.address) ||
            !inet_address_equal(&other->local.address, &claim->local.address))
            continue;
        if (other->socket || other->since + REUSE_TIME > clock_now())
            return true;
        drop_waiting(other);
    }
    return false;
}

// --- claims ---

static void insert(struct inet_claim *claim) REQUIRES(&inet_lock) {
    list_push_front(&bucket_of(protocol_of(claim), claim->local.port)->claims, &claim->node);
}

// Tries all ephemeral ports from a random one on.
static bool find_port(struct inet_claim *claim, bool (*bad)(const struct inet_claim *claim)) REQUIRES(&inet_lock) {
    uint32_t first = (uint32_t)net_setting(SETTING_FIRST_PORT), last = (uint32_t)net_setting(SETTING_LAST_PORT);
    uint32_t count = last >= first ? last - first + 1 : 1; // an administrator may just be changing them
    uint32_t start = (uint32_t)(random_u64() % count);
    for (uint32_t i = 0; i < count; i++) {
        claim->local.port = (uint16_t)(first + (start + i) % count);
        if (!bad(claim))
            return true;
    }
    claim->local.port = 0;
    return false;
}

static bool is_bad_for_bind(const struct inet_claim *claim) NO_THREAD_SAFETY {
    return is_taken(claim);
}
static bool is_bad_for_connect(const struct inet_claim *claim) NO_THREAD_SAFETY {
    return is_paired(claim, true);
}

status_t inet_port_claim_locked(struct inet_claim *claim, uint16_t port) {
    expire();
    claim->local.port = port;
    if (port == 0 ? !find_port(claim, is_bad_for_bind) : is_taken(claim)) {
        claim->local.port = 0;
        return -EADDRINUSE;
    }
    insert(claim);
    return 0;
}

status_t inet_port_connect_locked(struct inet_claim *claim) {
    expire();
    if (claim->local.port != 0)
        return is_paired(claim, false) ? -EADDRNOTAVAIL : 0;
    if (!find_port(claim, is_bad_for_connect))
        return -EADDRNOTAVAIL;
    claim->automatic = true;
    insert(claim);
    return 0;
}

void inet_port_share_locked(struct inet_claim *claim) {
    insert(claim);
}

void inet_port_release_locked(struct inet_claim *claim) {
    inet_receiver_remove_locked(claim);
    list_remove(&claim->node);
    claim->local.port = 0;
    claim->automatic = false;
}

void inet_port_wait_locked(const struct inet_claim *claim, struct inet_claim *wait, uint8_t state) {
    *wait = (struct inet_claim){.local = claim->local,
                                .remote = claim->remote,
                                .uid = claim->uid,
                                .automatic = claim->automatic,
                                .reusable = socket_option(&claim->socket->socket, SO_REUSEADDR),
                                .state = state,
                                .since = clock_now()};
    list_init(&wait->receiver);
    insert(wait);
    list_push_back(&ports.waiting, &wait->waiting);
    ports.waiting_count++;
    expire();
}

static bool is_other_side(const struct inet_claim *a, const struct inet_claim *b) {
    return a->local.port == b->remote.port && a->remote.port == b->local.port &&
           inet_address_equal(&a->local.address, &b->remote.address) &&
           inet_address_equal(&a->remote.address, &b->local.address);
}

void inet_port_finished_locked(const struct inet_claim *claim, bool forget) {
    struct inet_claim *other, *following;
    LIST_FOR_EACH_SAFE(other, following, &bucket_of(IPPROTO_TCP, claim->remote.port)->claims, node) {
        if (other->socket || other->state != TCP_FIN_WAIT2 || !is_other_side(claim, other))
            continue;
        if (forget)
            drop_waiting(other);
        else
            other->state = TCP_TIME_WAIT;
    }
}

// --- receivers ---

status_t inet_receiver_add_locked(struct inet_claim *claim) {
    if (claim->state == TCP_LISTEN && is_taken(claim))
        return -EADDRINUSE;
    list_push_front(&bucket_of(protocol_of(claim), claim->local.port)->receivers, &claim->receiver);
    return 0;
}

void inet_receiver_remove_locked(struct inet_claim *claim) {
    list_remove(&claim->receiver);
}

// How well does it fit? 0: not at all.
static unsigned fit(const struct inet_claim *claim, const struct inet_endpoint *to, const struct inet_endpoint *from) {
    const struct inet_address *mine = &claim->local.address;
    bool v4 = inet_address_is_v4(&to->address);
    unsigned points = 1 + (inet_is_v4(claim->socket) == v4);
    if (claim->local.port != to->port)
        return 0;
    if (inet_address_equal(mine, &to->address))
        points += 2;
    else if (!inet_address_is_any(mine) || (inet_address_is_v4(mine) && !v4) ||
             (!inet_address_is_v4(mine) && v4 && is_v6_only(claim)))
        return 0;
    int protocol = claim->socket->socket.protocol;
    bool ping = protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6; // hears others than its peer, too
    if (claim->remote.port == 0 || claim->state == TCP_LISTEN || ping)
        return points;
    return claim->remote.port == from->port && inet_address_equal(&claim->remote.address, &from->address) ? points + 4
                                                                                                          : 0;
}

// Those that share a port by SO_REUSEPORT share what comes, too: the same sender goes to the same one.
static uint32_t lot(const struct inet_claim *claim, const struct inet_endpoint *from) {
    uint64_t mixed =
        (claim->socket->socket.object.id * 0x9e3779b97f4a7c15ull) ^ ((from->port + 1) * 0xd1b54a32d192ed03ull);
    mixed ^= mixed >> 29;
    return (uint32_t)((mixed * 0xbf58476d1ce4e5b9ull) >> 32);
}

struct inet_socket *inet_receiver_find_locked(int protocol, const struct inet_endpoint *to,
                                              const struct inet_endpoint *from) {
    struct inet_claim *claim, *best = nullptr;
    unsigned best_points = 0;
    LIST_FOR_EACH(claim, &bucket_of(protocol, to->port)->receivers, receiver) {
        unsigned points = fit(claim, to, from);
        bool tie = points > 0 && points == best_points && has_option(claim, SO_REUSEPORT);
        if (points > best_points || (tie && lot(claim, from) > lot(best, from))) {
            best = claim;
            best_points = points;
        }
    }
    return best ? best->socket : nullptr;
}

void inet_receiver_for_each_locked(int protocol, const struct inet_endpoint *to, const struct inet_endpoint *from,
                                   void (*visit)(struct inet_socket *socket, void *context), void *context) {
    struct inet_claim *claim;
    LIST_FOR_EACH(claim, &bucket_of(protocol, to->port)->receivers, receiver)
    if (fit(claim, to, from) > 0)
        visit(claim->socket, context);
}

void inet_port_for_each_locked(int protocol, void (*visit)(const struct inet_claim *claim, void *context),
                               void *context) {
    struct inet_claim *claim;
    expire();
    for (unsigned i = 0; i < BUCKETS; i++)
        LIST_FOR_EACH(claim, &bucket_of(protocol, (uint16_t)i)->claims, node)
    visit(claim, context);
}

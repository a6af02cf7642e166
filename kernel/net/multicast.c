// SPDX-License-Identifier: MPL-2.0
// Multicast groups and broadcasts on lo. A datagram to a group goes to every socket that has the port, is bound to the
// group or to no address, and has joined the group (or has IP_MULTICAST_ALL, if any socket has joined it). Nothing
// filters by source. As on Linux, lo has no way for groups of IPv6: they can be joined, but nothing is sent there.
#include "net_setting.h"
#include "wire.h"

#include <lib/log.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <vfs/path.h>

#define BUCKETS 64
#define GROUPS_MAX_V4 20u // of one socket
#define GROUPS_MAX_V6 256u

struct inet_group {
    struct list_node node; // of the bucket
    struct list_node mine; // of its socket
    struct inet_address address;
};

static struct list_node buckets[BUCKETS] GUARDED_BY(&inet_lock);

static struct list_node *bucket_of(const struct inet_address *address) REQUIRES(&inet_lock) {
    struct list_node *bucket = &buckets[(address->bytes[15] ^ address->bytes[14]) % BUCKETS];
    if (!bucket->next)
        list_init(bucket);
    return bucket;
}

static struct inet_group *find_locked(struct inet_socket *socket, const struct inet_address *address)
    REQUIRES(&inet_lock) {
    struct inet_group *group;
    LIST_FOR_EACH(group, &socket->groups, mine)
    if (inet_address_equal(&group->address, address))
        return group;
    return nullptr;
}

static unsigned users_locked(const struct inet_address *address) REQUIRES(&inet_lock) {
    struct inet_group *group;
    unsigned users = 0;
    LIST_FOR_EACH(group, bucket_of(address), node)
    users += inet_address_equal(&group->address, address);
    return users;
}

// --- joining ---

status_t inet_group_join(struct inet_socket *socket, const struct inet_address *address) {
    struct inet_group *group = kmalloc_charged(sizeof(*group));
    status_t status = group ? 0 : -ENOMEM;
    unsigned most = inet_address_is_v4(address) ? GROUPS_MAX_V4 : GROUPS_MAX_V6;
    spin_lock(&inet_lock);
    if (status == 0 && find_locked(socket, address))
        status = -EADDRINUSE;
    else if (status == 0 && socket->group_count >= most)
        status = -ENOBUFS;
    if (status == 0) {
        group->address = *address;
        list_push_back(&socket->groups, &group->mine);
        list_push_back(bucket_of(address), &group->node);
        socket->group_count++;
        group = nullptr;
    }
    spin_unlock(&inet_lock);
    kfree(group);
    return status;
}

static void remove_locked(struct inet_socket *socket, struct inet_group *group) REQUIRES(&inet_lock) {
    list_remove(&group->node);
    list_remove(&group->mine);
    socket->group_count--;
    kfree(group);
}

status_t inet_group_leave(struct inet_socket *socket, const struct inet_address *address) {
    spin_lock(&inet_lock);
    struct inet_group *group = find_locked(socket, address);
    if (group)
        remove_locked(socket, group);
    spin_unlock(&inet_lock);
    return group ? 0 : -EADDRNOTAVAIL;
}

void inet_group_leave_all_locked(struct inet_socket *socket) {
    while (!list_is_empty(&socket->groups))
        remove_locked(socket, LIST_FIRST(&socket->groups, struct inet_group, mine));
}

// --- sending ---

bool inet_address_is_group(const struct inet_address *address) {
    return inet_address_is_multicast(address) || inet_address_is_broadcast(address);
}

status_t inet_group_route(struct inet_socket *socket, const struct inet_endpoint *to, struct inet_address *from) {
    static const uint8_t everywhere[4] = {255, 255, 255, 255};
    struct inet_address all = inet_address_v4(everywhere);
    bool bound = inet_option(socket, OPTION_BOUND_TO_LO);
    if (!inet_address_is_v4(&to->address) || inet_address_equal(&to->address, &all))
        return -ENETUNREACH;
    if (inet_address_is_multicast(&to->address) && !inet_option(socket, OPTION_MULTICAST_INTERFACE) && !bound)
        return -ENETUNREACH;
    int32_t chosen = inet_option(socket, OPTION_MULTICAST_SOURCE);
    if (inet_address_is_any(from)) {
        *from = inet_address_loopback(true);
        if (chosen != 0 && inet_address_is_multicast(&to->address))
            memcpy(from->bytes + 12, &chosen, sizeof(chosen));
    }
    return inet_address_is_v4(from) ? 0 : -ENETUNREACH;
}

struct delivery {
    const struct inet_address *group;
    bool joined; // by any socket
    struct inet_receivers receivers;
};

static void add_receiver(struct inet_socket *socket, void *context) NO_THREAD_SAFETY {
    struct delivery *delivery = context;
    bool all = inet_option(socket, OPTION_MULTICAST_ALL) && delivery->joined;
    if (inet_address_is_broadcast(delivery->group) || all || find_locked(socket, delivery->group))
        receivers_add_locked(&delivery->receivers, socket);
}

void udp_input_group(const struct wire *wire, const struct packet_route *route, const struct inet_endpoint *to,
                     const struct inet_endpoint *from) {
    struct delivery delivery = {.group = &to->address};
    receivers_init(&delivery.receivers);
    spin_lock(&inet_lock);
    delivery.joined = users_locked(&to->address) > 0;
    inet_receiver_for_each_locked(wire->protocol, to, from, add_receiver, &delivery);
    spin_unlock(&inet_lock);
    for (unsigned i = 0; i < delivery.receivers.count; i++) {
        struct packet *packet;
        struct uio uio;
        uio_init_kernel(&uio, wire->data + UDP_HEADER, wire->size - UDP_HEADER);
        if (packet_create(&uio, uio.resid, &packet) != 0)
            continue;
        packet->routed = true;
        packet->route = *route;
        udp_deliver(delivery.receivers.list[i], packet);
    }
    receivers_fini(&delivery.receivers);
}

// --- /proc/net ---

// Is it the first of its group in the bucket? So each group is shown once.
static bool is_first(struct inet_group *group) REQUIRES(&inet_lock) {
    struct inet_group *other;
    LIST_FOR_EACH(other, bucket_of(&group->address), node)
    if (inet_address_equal(&other->address, &group->address))
        return other == group;
    return false;
}

static uint32_t word(const uint8_t *bytes) {
    uint32_t value; // as it lies in memory
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static void show_groups(struct text_buffer *text, bool v4) REQUIRES(&inet_lock) {
    struct inet_group *group;
    for (unsigned i = 0; i < BUCKETS; i++) {
        if (!buckets[i].next)
            continue;
        LIST_FOR_EACH(group, &buckets[i], node) {
            if (inet_address_is_v4(&group->address) != v4 || !is_first(group))
                continue;
            unsigned users = users_locked(&group->address);
            const uint8_t *bytes = group->address.bytes;
            if (v4) {
                text_printf(text, "\t\t\t\t%08X %5u 0:00000000\t\t0\n", word(bytes + 12), users);
                continue;
            }
            text_printf(text, "1    lo              ");
            for (unsigned k = 0; k < sizeof(group->address.bytes); k++)
                text_printf(text, "%02x", bytes[k]);
            text_printf(text, " %5u 00000004 0\n", users);
        }
    }
}

static unsigned groups_locked(void) REQUIRES(&inet_lock) {
    struct inet_group *group;
    unsigned count = 0;
    for (unsigned i = 0; i < BUCKETS; i++)
        if (buckets[i].next)
            LIST_FOR_EACH(group, &buckets[i], node)
    count += inet_address_is_v4(&group->address) && is_first(group);
    return count;
}

// The group of all systems is always joined.
static void show_igmp(struct text_buffer *text, void *context) {
    bool v4 = context == nullptr;
    spin_lock(&inet_lock);
    if (v4)
        text_printf(text,
                    "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n1\tlo        : %5u      V3\n",
                    groups_locked() + 1);
    show_groups(text, v4);
    if (v4)
        text_printf(text, "\t\t\t\t010000E0     1 0:00000000\t\t0\n");
    else
        text_printf(text, "1    lo              ff020000000000000000000000000001     1 0000000C 0\n"
                          "1    lo              ff010000000000000000000000000001     1 00000008 0\n");
    spin_unlock(&inet_lock);
}

void inet_group_init(void) {
    static const char *const paths[] = {"net/igmp", "net/igmp6"};
    for (uintptr_t i = 0; i < ARRAY_SIZE(paths); i++) {
        status_t status = procfs_add(paths[i], 0444, show_igmp, nullptr, (void *)i);
        if (status != 0)
            klog(LOG_ERROR, "/proc/%s: error %d", paths[i], -status);
    }
}

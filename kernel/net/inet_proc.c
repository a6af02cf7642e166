// SPDX-License-Identifier: MPL-2.0
// /proc/net: tcp, tcp6, udp, udp6 and what tells of lo, as Linux prints them.
#include "datagram.h"
#include "interface.h"

#include <lib/log.h>
#include <lib/string.h>
#include <vfs/path.h>

struct table {
    struct text_buffer *text;
    int protocol;
    bool v6, raw;
    unsigned line, listed[2];
};

static uint32_t word(const uint8_t *bytes) {
    uint32_t value; // as it lies in memory
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static void print_endpoint(struct text_buffer *text, const struct inet_endpoint *endpoint, bool v6) {
    const uint8_t *bytes = endpoint->address.bytes;
    for (unsigned i = v6 ? 0 : 12; i < 16; i += 4)
        text_printf(text, "%08X", word(bytes + i));
    text_printf(text, ":%04X", endpoint->port);
}

unsigned inet_claim_state(const struct inet_claim *claim) {
    struct tcp_socket *tcp =
        claim->socket && claim->state == TCP_ESTABLISHED && claim->socket->socket.type == SOCK_STREAM
            ? to_tcp(&claim->socket->socket)
            : nullptr;
    struct stream *stream = tcp ? tcp_stream(tcp) : nullptr;
    if (!stream)
        return claim->state;
    spin_lock(&stream->lock);
    const struct stream_end *mine = &stream->end[tcp->side], *other = &stream->end[!tcp->side];
    bool heard = other->shut_write || other->closed;
    unsigned state = mine->reset || (mine->shut_write && heard) ? TCP_CLOSE
                     : mine->shut_write                         ? TCP_FIN_WAIT2
                     : heard                                    ? TCP_CLOSE_WAIT
                                                                : TCP_ESTABLISHED;
    spin_unlock(&stream->lock);
    return state;
}

uint32_t inet_claim_unread(const struct inet_claim *claim) {
    if (!claim->socket)
        return 0;
    if (claim->socket->socket.type != SOCK_STREAM)
        return to_datagram(&claim->socket->socket)->bytes;
    struct tcp_socket *tcp = to_tcp(&claim->socket->socket);
    struct stream *stream = tcp_stream(tcp);
    return stream ? stream_unread(stream, tcp->side, false) : tcp->backlog_length;
}

static void show_claim(const struct inet_claim *claim, void *context) {
    struct table *table = context;
    struct text_buffer *text = table->text;
    bool v6 = claim->socket ? !inet_is_v4(claim->socket) : !inet_address_is_v4(&claim->local.address);
    if (v6 != table->v6)
        return;
    bool udp = table->protocol != IPPROTO_TCP;
    struct inet_endpoint remote = claim->remote;
    if (!v6 && remote.port == 0)
        remote.address = inet_address_any(true);
    text_printf(text, udp && !table->raw ? "%5u: " : "%4u: ", table->raw ? claim->local.port : table->line++);
    print_endpoint(text, &claim->local, v6);
    text_printf(text, " ");
    print_endpoint(text, &remote, v6);
    uint64_t id = claim->socket ? claim->socket->socket.object.id : 0;
    unsigned references = claim->socket ? (unsigned)refcount_value(&claim->socket->socket.object.ref) : 3;
    text_printf(text, " %02X %08X:%08X %02X:%08X %08X %5u %8d %llu %u %016llx", inet_claim_state(claim), 0,
                inet_claim_unread(claim), claim->socket ? 0 : 3, 0, 0, claim->socket ? claim->uid : 0, 0,
                (unsigned long long)id, references, 0ull);
    text_printf(text,
                udp             ? " %u\n"
                : claim->socket ? " 100 0 0 10 0\n"
                                : "\n",
                udp ? to_datagram(&claim->socket->socket)->drops : 0);
}

#define SHOW_V6 0x100
#define SHOW_RAW 0x200
static void show_table(struct text_buffer *text, void *context) {
    uintptr_t which = (uintptr_t)context; // the protocol, and SHOW_…
    struct table table = {.text = text, .protocol = which & 0xff, .v6 = which & SHOW_V6, .raw = which & SHOW_RAW};
    const char *local = table.v6 ? "local_address                         " : "local_address ";
    const char *remote = table.v6 ? "remote_address                        " : "rem_address   ";
    text_printf(text, "  sl  %s%sst tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode%s\n", local, remote,
                table.protocol == IPPROTO_TCP ? "" : " ref pointer drops");
    spin_lock(&inet_lock);
    if (table.raw)
        raw_for_each_locked(show_claim, &table);
    else
        inet_port_for_each_locked(table.protocol, show_claim, &table);
    spin_unlock(&inet_lock);
}

struct census {
    bool v6;
    unsigned sockets, waiting;
};

static void count_claim(const struct inet_claim *claim, void *context) {
    struct census *census = context;
    if (claim->socket && inet_is_v4(claim->socket) == census->v6)
        return;
    if (claim->socket)
        census->sockets++;
    else
        census->waiting++;
}

static void show_sockstat(struct text_buffer *text, void *context) {
    bool v6 = context != nullptr;
    struct census tcp = {v6}, udp = {v6}, lite = {v6}, raw = {v6};
    spin_lock(&inet_lock);
    inet_port_for_each_locked(IPPROTO_TCP, count_claim, &tcp);
    inet_port_for_each_locked(IPPROTO_UDP, count_claim, &udp);
    inet_port_for_each_locked(IPPROTO_UDPLITE, count_claim, &lite);
    raw_for_each_locked(count_claim, &raw);
    spin_unlock(&inet_lock);
    if (v6) {
        text_printf(text, "TCP6: inuse %u\nUDP6: inuse %u\nUDPLITE6: inuse %u\n", tcp.sockets, udp.sockets,
                    lite.sockets);
        text_printf(text, "RAW6: inuse %u\nFRAG6: inuse 0 memory 0\n", raw.sockets);
        return;
    }
    text_printf(text, "sockets: used %u\nTCP: inuse %u orphan 0 tw %u alloc %u mem 0\n", socket_count(), tcp.sockets,
                tcp.waiting, tcp.sockets);
    text_printf(text, "UDP: inuse %u mem 0\nUDPLITE: inuse %u\nRAW: inuse %u\nFRAG: inuse 0 memory 0\n", udp.sockets,
                lite.sockets, raw.sockets);
}

static void show_dev(struct text_buffer *text, void *context) {
    struct interface_counts total = interface_total();
    unsigned long long bytes = total.bytes, packets = total.packets;
    text_printf(text,
                "Inter-|   Receive                                                |  Transmit\n"
                " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop "
                "fifo colls carrier compressed\n"
                "    lo: %7llu %7llu %4u %4u %4u %5u %10u %9u %8llu %7llu %4u %4u %4u %5u %7u %10u\n",
                bytes, packets, 0, 0, 0, 0, 0, 0, bytes, packets, 0, 0, 0, 0, 0, 0);
}

static void show_route(struct text_buffer *text, void *context) {
    text_printf(text, "%-127s\n",
                "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT");
}

// lo has no neighbours.
static void show_arp(struct text_buffer *text, void *context) {
    text_printf(text, "IP address       HW type     Flags       HW address            Mask     Device\n");
}

// What is not ::1 is unreachable.
static void show_ipv6_route(struct text_buffer *text, void *context) {
    static const char none[] = "00000000000000000000000000000000", lo[] = "00000000000000000000000000000001";
    text_printf(text, "%s 00 %s 00 %s ffffffff 00000001 00000000 00200200       lo\n", none, none, none);
    text_printf(text, "%s 80 %s 00 %s 00000000 00000002 00000000 80200001       lo\n", lo, none, none);
    text_printf(text, "%s 00 %s 00 %s ffffffff 00000001 00000000 00200200       lo\n", none, none, none);
}

static void show_if_inet6(struct text_buffer *text, void *context) {
    text_printf(text, "00000000000000000000000000000001 01 80 10 80       lo\n");
}

void inet_proc_init(void) {
    static const struct {
        const char *path;
        text_fn *show;
        uintptr_t context;
    } files[] = {
        {"net/tcp", show_table, IPPROTO_TCP},
        {"net/tcp6", show_table, IPPROTO_TCP | SHOW_V6},
        {"net/udp", show_table, IPPROTO_UDP},
        {"net/udp6", show_table, IPPROTO_UDP | SHOW_V6},
        {"net/udplite", show_table, IPPROTO_UDPLITE},
        {"net/udplite6", show_table, IPPROTO_UDPLITE | SHOW_V6},
        {"net/icmp", show_table, IPPROTO_ICMP},
        {"net/icmp6", show_table, IPPROTO_ICMPV6 | SHOW_V6},
        {"net/raw", show_table, SHOW_RAW},
        {"net/raw6", show_table, SHOW_RAW | SHOW_V6},
        {"net/sockstat", show_sockstat, 0},
        {"net/sockstat6", show_sockstat, 1},
        {"net/arp", show_arp, 0},
        {"net/ipv6_route", show_ipv6_route, 0},
        {"net/dev", show_dev, 0},
        {"net/route", show_route, 0},
        {"net/if_inet6", show_if_inet6, 0},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
        status_t status = procfs_add(files[i].path, 0444, files[i].show, nullptr, (void *)files[i].context);
        if (status != 0)
            klog(LOG_ERROR, "/proc/%s: error %d", files[i].path, -status);
    }
}

// SPDX-License-Identifier: MPL-2.0
// /proc/net/snmp, snmp6 and netstat: what netstat -s, ss -s and nstat read. A line of names, then one of numbers; what
// cannot happen on lo is 0. TCP's packets count as IPv4's, as /proc/net/dev has them.
#include "inet_count.h"
#include "inet_priv.h"
#include "interface.h"
#include "net_setting.h"

#include <arch/smp.h>
#include <lib/log.h>
#include <vfs/path.h>

struct inet_counts inet_counts PER_CPU;

struct totals {
    unsigned long long count[INET_COUNTS];
    unsigned long long segments, segment_bytes; // TCP's
    unsigned established;
};

static void count_connection(const struct inet_claim *claim, void *context) {
    unsigned state = inet_claim_state(claim);
    if (claim->socket && (state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT))
        ++*(unsigned *)context;
}

static struct totals add_up(void) {
    struct totals totals = {};
    struct interface_counts all = interface_total();
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++)
        for (unsigned i = 0; i < INET_COUNTS; i++)
            totals.count[i] += cpu_local(inet_counts, cpu).count[i];
    totals.segments = all.packets - totals.count[COUNT_PACKETS] - totals.count[COUNT_PACKETS6];
    totals.segment_bytes = all.bytes - totals.count[COUNT_BYTES] - totals.count[COUNT_BYTES6];
    spin_lock(&inet_lock);
    inet_port_for_each_locked(IPPROTO_TCP, count_connection, &totals.established);
    spin_unlock(&inet_lock);
    return totals;
}

static unsigned long long icmp_messages(const struct totals *totals, bool v6) {
    return totals->count[COUNT_ICMP_REFUSALS + v6] + totals->count[COUNT_ICMP_ECHOS + v6] +
           totals->count[COUNT_ICMP_REPLIES + v6] + totals->count[COUNT_ICMP_OTHERS + v6];
}

static void show_udp(struct text_buffer *text, const char *name, const struct totals *totals, enum inet_count taken) {
    unsigned long long in = totals->count[taken], refused = totals->count[taken + 2];
    unsigned long long lost = totals->count[taken + 4];
    text_printf(text,
                "%s: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti "
                "MemErrors\n%s: %llu %llu %llu %llu %llu 0 0 0 0\n",
                name, name, in, refused, lost, in + refused + lost, lost);
}

static void show_snmp(struct text_buffer *text, void *context) {
    struct totals totals = add_up();
    const unsigned long long *count = totals.count;
    unsigned long long packets = count[COUNT_PACKETS] + totals.segments, icmp = icmp_messages(&totals, false);
    text_printf(text,
                "Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos "
                "InDiscards InDelivers OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails "
                "FragOKs FragFails FragCreates\nIp: 2 %d %llu 0 0 0 0 0 %llu %llu 0 0 0 0 0 0 0 0 0\n",
                net_setting(SETTING_TTL), packets, packets, packets);
    text_printf(text,
                "Icmp: InMsgs InErrors InCsumErrors InDestUnreachs InTimeExcds InParmProbs InSrcQuenchs InRedirects "
                "InEchos InEchoReps InTimestamps InTimestampReps InAddrMasks InAddrMaskReps OutMsgs OutErrors "
                "OutRateLimitGlobal OutRateLimitHost OutDestUnreachs OutTimeExcds OutParmProbs OutSrcQuenchs "
                "OutRedirects OutEchos OutEchoReps OutTimestamps OutTimestampReps OutAddrMasks OutAddrMaskReps\n"
                "Icmp: %llu %llu %llu %llu 0 0 0 0 %llu %llu 0 0 0 0 %llu 0 0 0 %llu 0 0 0 0 %llu %llu 0 0 0 0\n",
                icmp + count[COUNT_ICMP_BAD], count[COUNT_ICMP_BAD], count[COUNT_ICMP_BAD], count[COUNT_ICMP_REFUSALS],
                count[COUNT_ICMP_ECHOS], count[COUNT_ICMP_REPLIES], icmp + count[COUNT_ICMP_BAD],
                count[COUNT_ICMP_REFUSALS], count[COUNT_ICMP_ECHOS], count[COUNT_ICMP_REPLIES]);
    text_printf(text,
                "IcmpMsg: InType0 InType3 InType8 OutType0 OutType3 OutType8\nIcmpMsg: %llu %llu %llu %llu %llu %llu\n",
                count[COUNT_ICMP_REPLIES], count[COUNT_ICMP_REFUSALS], count[COUNT_ICMP_ECHOS],
                count[COUNT_ICMP_REPLIES], count[COUNT_ICMP_REFUSALS], count[COUNT_ICMP_ECHOS]);
    text_printf(text,
                "Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab "
                "InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors\n"
                "Tcp: 1 200 120000 -1 %llu %llu %llu 0 %u %llu %llu 0 0 %llu 0\n",
                count[COUNT_TCP_CONNECTS], count[COUNT_TCP_ACCEPTS], count[COUNT_TCP_REFUSED], totals.established,
                totals.segments, totals.segments, count[COUNT_TCP_REFUSED]);
    show_udp(text, "Udp", &totals, COUNT_UDP);
    show_udp(text, "UdpLite", &totals, COUNT_UDPLITE);
}

static void show_snmp6(struct text_buffer *text, void *context) {
    struct totals totals = add_up();
    const unsigned long long *count = totals.count;
    unsigned long long icmp = icmp_messages(&totals, true) + count[COUNT_ICMP6_BAD];
    const struct {
        const char *name;
        unsigned long long value;
    } lines[] = {
        {"Ip6InReceives", count[COUNT_PACKETS6]},
        {"Ip6InDelivers", count[COUNT_PACKETS6]},
        {"Ip6OutRequests", count[COUNT_PACKETS6]},
        {"Ip6InOctets", count[COUNT_BYTES6]},
        {"Ip6OutOctets", count[COUNT_BYTES6]},
        {"Icmp6InMsgs", icmp},
        {"Icmp6InErrors", count[COUNT_ICMP6_BAD]},
        {"Icmp6OutMsgs", icmp},
        {"Icmp6InCsumErrors", count[COUNT_ICMP6_BAD]},
        {"Icmp6InDestUnreachs", count[COUNT_ICMP6_REFUSALS]},
        {"Icmp6InEchos", count[COUNT_ICMP6_ECHOS]},
        {"Icmp6InEchoReplies", count[COUNT_ICMP6_REPLIES]},
        {"Icmp6OutDestUnreachs", count[COUNT_ICMP6_REFUSALS]},
        {"Icmp6OutEchos", count[COUNT_ICMP6_ECHOS]},
        {"Icmp6OutEchoReplies", count[COUNT_ICMP6_REPLIES]},
        {"Udp6InDatagrams", count[COUNT_UDP6]},
        {"Udp6NoPorts", count[COUNT_UDP6_REFUSED]},
        {"Udp6InErrors", count[COUNT_UDP6_LOST]},
        {"Udp6OutDatagrams", count[COUNT_UDP6] + count[COUNT_UDP6_REFUSED] + count[COUNT_UDP6_LOST]},
        {"Udp6RcvbufErrors", count[COUNT_UDP6_LOST]},
        {"UdpLite6InDatagrams", count[COUNT_UDPLITE6]},
        {"UdpLite6NoPorts", count[COUNT_UDPLITE6_REFUSED]},
        {"UdpLite6OutDatagrams", count[COUNT_UDPLITE6] + count[COUNT_UDPLITE6_REFUSED] + count[COUNT_UDPLITE6_LOST]},
    };
    for (unsigned i = 0; i < ARRAY_SIZE(lines); i++)
        text_printf(text, "%-32s\t%llu\n", lines[i].name, lines[i].value);
}

static void show_netstat(struct text_buffer *text, void *context) {
    struct totals totals = add_up();
    unsigned long long bytes = totals.count[COUNT_BYTES] + totals.segment_bytes;
    text_printf(text,
                "IpExt: InNoRoutes InTruncatedPkts InMcastPkts OutMcastPkts InBcastPkts OutBcastPkts InOctets "
                "OutOctets InMcastOctets OutMcastOctets InBcastOctets OutBcastOctets InCsumErrors InNoECTPkts "
                "InECT1Pkts InECT0Pkts InCEPkts ReasmOverlaps\n"
                "IpExt: 0 0 0 0 0 0 %llu %llu 0 0 0 0 0 %llu 0 0 0 0\n",
                bytes, bytes, totals.count[COUNT_PACKETS] + totals.segments);
}

void inet_snmp_init(void) {
    static const struct {
        const char *path;
        text_fn *show;
    } files[] = {{"net/snmp", show_snmp}, {"net/snmp6", show_snmp6}, {"net/netstat", show_netstat}};
    for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
        status_t status = procfs_add(files[i].path, 0444, files[i].show, nullptr, nullptr);
        if (status != 0)
            klog(LOG_ERROR, "/proc/%s: error %d", files[i].path, -status);
    }
}

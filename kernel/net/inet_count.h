// SPDX-License-Identifier: MPL-2.0
// What the Internet families have done, for /proc/net/snmp and its like. On lo what is sent is what comes in, so one
// count is both. Private to kernel/net.
#pragma once

#include <arch/percpu.h>
#include <lib/types.h>

enum inet_count {
    COUNT_PACKETS, // of IPv4, but TCP's; the same for IPv6 follows, and so on
    COUNT_PACKETS6,
    COUNT_BYTES,
    COUNT_BYTES6,
    COUNT_UDP, // taken by a socket
    COUNT_UDP6,
    COUNT_UDP_REFUSED, // nobody has the port
    COUNT_UDP6_REFUSED,
    COUNT_UDP_LOST, // its queue was full
    COUNT_UDP6_LOST,
    COUNT_UDPLITE,
    COUNT_UDPLITE6,
    COUNT_UDPLITE_REFUSED,
    COUNT_UDPLITE6_REFUSED,
    COUNT_UDPLITE_LOST,
    COUNT_UDPLITE6_LOST,
    COUNT_ICMP_BAD, // the checksum is wrong
    COUNT_ICMP6_BAD,
    COUNT_ICMP_REFUSALS,
    COUNT_ICMP6_REFUSALS,
    COUNT_ICMP_ECHOS,
    COUNT_ICMP6_ECHOS,
    COUNT_ICMP_REPLIES,
    COUNT_ICMP6_REPLIES,
    COUNT_ICMP_OTHERS,
    COUNT_ICMP6_OTHERS,
    COUNT_TCP_CONNECTS, // begun
    COUNT_TCP_ACCEPTS,  // connections made
    COUNT_TCP_REFUSED,
    INET_COUNTS
};

struct inet_counts {
    uint64_t count[INET_COUNTS];
};
extern struct inet_counts inet_counts PER_CPU; // inet_snmp.c

// Counts that two threads change at once may be lost: nobody is harmed.
ALWAYS_INLINE void inet_count(enum inet_count what, bool v6, uint64_t number) {
    this_cpu(inet_counts).count[what + v6] += number;
}

// SPDX-License-Identifier: MPL-2.0
// What went over lo. No packet exists, but each piece of a stream and each datagram counts as the one that it would
// have been, with its headers.
#pragma once

#include <arch/percpu.h>
#include <lib/types.h>

struct interface_counts {
    uint64_t packets, bytes;
};
extern struct interface_counts interface_counts PER_CPU; // interface.c

#define PIECE_MAX 65483u // of a TCP stream in one packet of lo's 65536 bytes
#define TCP_HEADERS 52u  // IPv4's, TCP's and its time stamps
#define UDP_HEADERS 28u  // likewise
#define IPV6_LONGER 20u  // than IPv4's header

// `size` bytes with headers, in one packet. Counts that two threads change at once may be lost: nobody is harmed.
ALWAYS_INLINE void interface_count(size_t size) {
    struct interface_counts *counts = &this_cpu(interface_counts);
    counts->packets++;
    counts->bytes += size;
}
struct interface_counts interface_total(void);

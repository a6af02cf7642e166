// SPDX-License-Identifier: MPL-2.0
// The ring of log records: many writers in any context, many readers, no lock (klog_ring.c).
#pragma once

#include <lib/types.h>
#include <stdatomic.h>

#define KLOG_SLOTS 512
#define KLOG_TEXT_MAX 228

struct klog_record {
    uint64_t number;
    nsec_t time;
    uint16_t length; // of text
    uint8_t level;   // facility << 3 | level
    char text[KLOG_TEXT_MAX];
};

struct klog_slot {
    _Atomic uint64_t state; // 0 never used; 2n+1 record n is being written; 2n+2 it is there
    nsec_t time;
    uint16_t length;
    uint8_t level;
    char text[KLOG_TEXT_MAX];
};

struct klog_ring {
    _Atomic uint64_t next;    // number of the next record
    _Atomic uint64_t dropped; // records given up because their slot was still being written a lap later
    struct klog_slot slot[KLOG_SLOTS];
};

enum klog_read {
    KLOG_OK,    // *record is filled
    KLOG_EMPTY, // that number is not there yet
    KLOG_LOST,  // it was overwritten (or dropped): go on at klog_ring_oldest
};

// Adds a record; text beyond KLOG_TEXT_MAX is cut.
void klog_ring_add(struct klog_ring *ring, unsigned level, nsec_t time, const char *text, size_t length);
enum klog_read klog_ring_get(struct klog_ring *ring, uint64_t number, struct klog_record *record);
// The lowest number that may still be there.
uint64_t klog_ring_oldest(struct klog_ring *ring);

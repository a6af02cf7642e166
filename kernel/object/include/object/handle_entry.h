// SPDX-License-Identifier: MPL-2.0
// An entry of a handle table is one word, so that a lock-free reader gets object and rights of the same handle: the
// rights in the low 16 bits, where one instruction tests them, and above them the low 48 bits of the object's address
// (a kernel address is sign-extended from there on all ports). 0: no handle.
//
// `make prove` proves the contracts (/*@ ... */) for all arguments, so the file keeps to the C that Frama-C reads, and
// says with division and remainder what compiles to shifts and masks: the provers are at home there.
#pragma once

#include <object/rights.h>

#define ENTRY_SPAN 0x10000u              // rights are below
#define ENTRY_ADDRESSES 0x1000000000000u // addresses have 48 bits
#define ENTRY_SIGN 0x800000000000u       // the highest of them
#define ENTRY_HIGH 0xffff000000000000u   // what sign extension adds

#define ENTRY_INLINE static inline __attribute__((always_inline))

/*@ assigns \nothing;
    ensures \result % ENTRY_SPAN == rights % ENTRY_SPAN;
    ensures \result / ENTRY_SPAN == address % ENTRY_ADDRESSES; */
ENTRY_INLINE uint64_t entry_of(uint64_t address, uint32_t rights) {
    return address % ENTRY_ADDRESSES * ENTRY_SPAN + rights % ENTRY_SPAN;
}

/*@ assigns \nothing;
    ensures \result == entry % ENTRY_SPAN; */
ENTRY_INLINE uint32_t entry_rights(uint64_t entry) {
    return (uint32_t)(entry % ENTRY_SPAN);
}

// One shift, which keeps the sign.
/*@ assigns \nothing;
    ensures entry / ENTRY_SPAN < ENTRY_SIGN ==> \result == entry / ENTRY_SPAN;
    ensures entry / ENTRY_SPAN >= ENTRY_SIGN ==> \result == entry / ENTRY_SPAN + ENTRY_HIGH; */
ENTRY_INLINE uint64_t entry_address(uint64_t entry) {
    uint64_t inverse = UINT64_MAX - entry;
    return entry < inverse ? entry / ENTRY_SPAN : UINT64_MAX - inverse / ENTRY_SPAN;
}

// The check of every lookup: there is a handle, and it has all of `need`.
/*@ assigns \nothing;
    ensures \result != 0 <==> entry != 0 && ((entry % ENTRY_SPAN) & need) == need; */
ENTRY_INLINE int entry_allows(uint64_t entry, uint32_t need) {
    return need != 0 ? rights_include(entry_rights(entry), need) : entry != 0;
}

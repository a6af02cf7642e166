// SPDX-License-Identifier: MPL-2.0
// An entry of a handle table is one word, so that a lock-free reader gets object and rights of the same handle: the
// object's address in the low 48 bits (kernel addresses are sign-extended from there on all ports), the rights above,
// and over them a bit that is set in every entry. 0: none.
//
// `make prove` proves the contracts (/*@ ... */) for all arguments, so the file keeps to the C that Frama-C reads, and
// says with division and remainder what compiles to shifts and masks: the provers are at home there.
#pragma once

#include <abi/rights.h>
#include <object/rights.h>

#define ENTRY_VALID 0x8000u            // in the bits above the address
#define ENTRY_SPAN 0x1000000000000u    // addresses have 48 bits
#define ENTRY_SIGN 0x800000000000u     // the highest of them
#define ENTRY_HIGH 0xffff000000000000u // what sign extension adds

#define ENTRY_INLINE static inline __attribute__((always_inline))

/*@ assigns \nothing;
    ensures \result / ENTRY_SPAN == ENTRY_VALID + rights % ENTRY_VALID;
    ensures \result % ENTRY_SPAN == address % ENTRY_SPAN; */
ENTRY_INLINE uint64_t entry_of(uint64_t address, uint32_t rights) {
    return (ENTRY_VALID + rights % ENTRY_VALID) * ENTRY_SPAN + address % ENTRY_SPAN;
}

// ENTRY_VALID and the rights.
/*@ assigns \nothing;
    ensures \result == entry / ENTRY_SPAN; */
ENTRY_INLINE uint32_t entry_bits(uint64_t entry) {
    return (uint32_t)(entry / ENTRY_SPAN);
}

/*@ assigns \nothing;
    ensures \result == entry / ENTRY_SPAN % ENTRY_VALID; */
ENTRY_INLINE uint32_t entry_rights(uint64_t entry) {
    return entry_bits(entry) % ENTRY_VALID;
}

/*@ assigns \nothing;
    ensures entry % ENTRY_SPAN < ENTRY_SIGN ==> \result == entry % ENTRY_SPAN;
    ensures entry % ENTRY_SPAN >= ENTRY_SIGN ==> \result == entry % ENTRY_SPAN + ENTRY_HIGH; */
ENTRY_INLINE uint64_t entry_address(uint64_t entry) {
    uint64_t turned = (entry % ENTRY_SPAN + ENTRY_SIGN) % ENTRY_SPAN;
    //@ assert entry % ENTRY_SPAN < ENTRY_SIGN ==> turned == entry % ENTRY_SPAN + ENTRY_SIGN;
    //@ assert entry % ENTRY_SPAN >= ENTRY_SIGN ==> turned == entry % ENTRY_SPAN - ENTRY_SIGN;
    return turned >= ENTRY_SIGN ? turned - ENTRY_SIGN : turned + (ENTRY_HIGH + ENTRY_SIGN);
}

// The check of every lookup: there is a handle, and it has all of `need`.
/*@ requires need < ENTRY_VALID;
    assigns \nothing;
    ensures \result != 0 ==> entry != 0;
    ensures \result != 0 <==> ((entry / ENTRY_SPAN) & (ENTRY_VALID | need)) == (ENTRY_VALID | need); */
ENTRY_INLINE int entry_allows(uint64_t entry, uint32_t need) {
    return rights_include(entry_bits(entry), ENTRY_VALID | need);
}

// SPDX-License-Identifier: MPL-2.0
// What may be done with a word of rights: ask whether it has what is needed, and take some away. The handle table looks
// up and duplicates by these two (`object/handle.c`), and `make prove` proves that the second never adds any.
#pragma once

#include <stdint.h>

// Whether `have` has all of `wanted`.
/*@ assigns \nothing;
    ensures \result != 0 <==> (have & wanted) == wanted; */
static inline __attribute__((always_inline)) int rights_include(uint32_t have, uint32_t wanted) {
    return (have & wanted) == wanted;
}

// Those of `have` that are in `mask`, too.
/*@ assigns \nothing;
    ensures (\result & have) == \result;
    ensures (\result & mask) == \result; */
static inline uint32_t rights_reduce(uint32_t have, uint32_t mask) {
    return have & mask;
}

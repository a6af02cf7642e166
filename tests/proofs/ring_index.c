// SPDX-License-Identifier: MPL-2.0
// proves: abi/include/abi/ring_index.h
// mutant: ring_slot_of: slot <= mask ? slot : 0 -> index
// mutant: ring_range_ok: (uint64_t)offset + length -> offset + length
// mutant: ring_room: used <= slots ? slots - used : 0 -> slots - used
// The arithmetic of rings, as the kernel and libtessera compile it.
#include <abi/ring_index.h>

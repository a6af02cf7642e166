// SPDX-License-Identifier: MPL-2.0
// proves: abi/include/abi/ring_index.h
// mutant: ring_slot_of: slot <= mask ? slot : 0 -> index
// mutant: ring_slot_behind: at + RING_SLOT_SIZE -> at
// mutant: ring_ready: + RING_COMPLETE -> + 1
// mutant: ring_cell_offset: at * lines -> (at + RING_SLOT_SIZE) * lines
// mutant: ring_room: used <= slots ? slots - used : 0 -> slots - used
// The arithmetic of rings, as the kernel and libtessera compile it.
#include <abi/ring_index.h>

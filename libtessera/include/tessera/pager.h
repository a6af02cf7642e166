// SPDX-License-Identifier: MPL-2.0
// Pagers: memory objects whose pages this program supplies (docs/pagers.md, with an example). All return 0, a handle or
// a count, or a negative error number. Ranges are whole pages.
#pragma once

#include <abi/pager.h>

// Requests come to the port (RIGHT_RECEIVE). options: null for the kernel's defaults.
int pager_create(int port, const struct pager_options *options);
// Requests come to this port from now on, those that are open once more. What was being stored is dirty again.
int pager_attach(int pager, int port);

// A new memory object, or another handle to one: RIGHT_READ, WRITE, EXEC, MAP. -EEXIST, -ENOENT.
int pager_vmo_create(int pager, uint64_t key, uint64_t size);
int pager_vmo_open(int pager, uint64_t key);
int pager_resize(int pager, uint64_t key, uint64_t size);
// Keeps the pages that are there and gives EIO for all others.
int pager_detach(int pager, uint64_t key);
// Those with this key or higher ones, in order: how many.
int pager_list(int pager, uint64_t key, struct pager_vmo_info *out, unsigned count);

// Pages for the range, out of a memory object (memfd), which is left with a hole there. Pages that the range has
// already stay.
int pager_supply(int pager, const struct pager_range *range, int from, uint64_t from_offset);
// The same, copied.
int pager_supply_copy(int pager, const struct pager_range *range, const void *from);
// There will be none: EIO, ENOSPC or EDQUOT. What was being stored of them was not.
int pager_fail(int pager, const struct pager_range *range, int error);

// What is dirty in the range: how many pieces, the first `count` at most. flags: PAGER_TAKE.
int pager_dirty(int pager, const struct pager_range *range, struct pager_dirty *out, unsigned count, unsigned flags);
// What was taken of the range is stored.
int pager_written(int pager, const struct pager_range *range);

// SPDX-License-Identifier: MPL-2.0
// The part that poll and select share.
#pragma once

#include <abi/poll.h>
#include <lib/types.h>

// Fills revents of all entries (a negative fd is skipped), waiting until at least one is not 0 or the deadline (0: does
// not wait). Returns the number of such entries, 0 on time-out, -EINTR, -ENOMEM.
int poll_entries(struct abi_pollfd *entries, unsigned count, nsec_t deadline);

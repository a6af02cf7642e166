// SPDX-License-Identifier: MPL-2.0
// Changing the current process's credentials.
#pragma once

#include <object/cred.h>

// A private copy to change; nullptr: no memory.
struct cred *cred_begin(void);
// Takes over `next` in any case. -EAGAIN: no memory for the new user's account.
MUST_USE status_t cred_commit(struct cred *next);

// SPDX-License-Identifier: MPL-2.0
// The options of prctl that other files implement.
#pragma once

long prctl_capbset_read(unsigned long cap);
long prctl_capbset_drop(unsigned long cap);
long prctl_cap_ambient(unsigned long what, unsigned long cap);
long prctl_set_securebits(unsigned long bits);
long prctl_set_keepcaps(unsigned long on);
long prctl_set_no_new_privs(void);
long prctl_set_user_dispatch(unsigned long mode, unsigned long start, unsigned long size, unsigned long selector);

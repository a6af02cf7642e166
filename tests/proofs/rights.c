// SPDX-License-Identifier: MPL-2.0
// proves: kernel/object/include/object/rights.h
// mutant: rights_reduce: have & mask -> have | mask
// mutant: rights_include: == wanted -> != 0
// What is done to the rights of handles, as the kernel compiles it.
#include <object/rights.h>

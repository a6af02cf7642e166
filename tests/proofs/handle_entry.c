// SPDX-License-Identifier: MPL-2.0
// proves: kernel/object/include/object/handle_entry.h
// mutant: entry_allows: : entry != 0 -> : 1
// mutant: entry_of: rights % ENTRY_SPAN -> rights
// mutant: entry_address: UINT64_MAX - inverse / ENTRY_SPAN -> entry / ENTRY_SPAN
// What is put into an entry comes out of it: object and rights, also after a reduction.
#include <object/handle_entry.h>

/*@ requires address < ENTRY_SIGN || address >= ENTRY_HIGH + ENTRY_SIGN;
    requires rights < ENTRY_SPAN;
    assigns \nothing;
    ensures \result == 1; */
int round_trip(uint64_t address, uint32_t rights) {
    uint64_t entry = entry_of(address, rights);
    return entry_address(entry) == address && entry_rights(entry) == rights;
}

// An object's entry is never taken for none.
/*@ requires address % ENTRY_ADDRESSES != 0;
    assigns \nothing;
    ensures \result == 1; */
int is_some(uint64_t address, uint32_t rights) {
    return entry_of(address, rights) != 0;
}

// As handle_duplicate does it: the rights in the new entry are among those in the old.
/*@ assigns \nothing;
    ensures (\result & (entry % ENTRY_SPAN)) == \result; */
uint32_t duplicated(uint64_t entry, uint32_t mask) {
    return rights_reduce(entry_rights(entry), mask);
}

// No entry, no handle.
/*@ assigns \nothing;
    ensures \result == 0; */
int nothing_allows(uint32_t need) {
    return entry_allows(0, need);
}

// SPDX-License-Identifier: MPL-2.0
// proves: kernel/object/handle_entry.h
// mutant: entry_allows: ENTRY_VALID | need -> need
// mutant: entry_of: ENTRY_VALID + rights % ENTRY_VALID -> rights
// What is put into an entry comes out of it: object and rights, also after a reduction.
#include <handle_entry.h>

/*@ requires address < ENTRY_SIGN || address >= ENTRY_HIGH + ENTRY_SIGN;
    requires rights < ENTRY_VALID;
    assigns \nothing;
    ensures \result == 1; */
int round_trip(uint64_t address, uint32_t rights) {
    uint64_t entry = entry_of(address, rights);
    return entry_address(entry) == address && entry_rights(entry) == rights;
}

// As handle_duplicate does it: the rights in the new entry are among those in the old.
/*@ assigns \nothing;
    ensures (\result & (entry / ENTRY_SPAN % ENTRY_VALID)) == \result; */
uint32_t duplicated(uint64_t entry, uint32_t mask) {
    return rights_reduce(entry_rights(entry), mask);
}

// No entry, no handle.
/*@ requires need < ENTRY_VALID;
    assigns \nothing;
    ensures \result == 0; */
int nothing_allows(uint32_t need) {
    return entry_allows(0, need);
}

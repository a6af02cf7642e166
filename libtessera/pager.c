// SPDX-License-Identifier: MPL-2.0
#include <tessera/pager.h>

#include "native.h"

int pager_create(int port, const struct pager_options *options) {
    return (int)native_call(NATIVE_pager_create, port, (long)options, 0, 0, 0);
}

int pager_attach(int pager, int port) {
    return (int)native_call(NATIVE_pager_attach, pager, port, 0, 0, 0);
}

int pager_vmo_create(int pager, uint64_t key, uint64_t size) {
    return (int)native_call(NATIVE_pager_vmo_create, pager, (long)key, (long)size, 0, 0);
}

int pager_vmo_open(int pager, uint64_t key) {
    return (int)native_call(NATIVE_pager_vmo_open, pager, (long)key, 0, 0, 0);
}

int pager_resize(int pager, uint64_t key, uint64_t size) {
    return (int)native_call(NATIVE_pager_resize, pager, (long)key, (long)size, 0, 0);
}

int pager_detach(int pager, uint64_t key) {
    return (int)native_call(NATIVE_pager_detach, pager, (long)key, 0, 0, 0);
}

int pager_list(int pager, uint64_t key, struct pager_vmo_info *out, unsigned count) {
    return (int)native_call(NATIVE_pager_list, pager, (long)key, (long)out, count, 0);
}

int pager_supply(int pager, const struct pager_range *range, int from, uint64_t from_offset) {
    return (int)native_call(NATIVE_pager_supply, pager, (long)range, from, (long)from_offset, 0);
}

int pager_supply_copy(int pager, const struct pager_range *range, const void *from) {
    return pager_supply(pager, range, PAGER_FROM_MEMORY, (uint64_t)from);
}

int pager_fail(int pager, const struct pager_range *range, int error) {
    return (int)native_call(NATIVE_pager_fail, pager, (long)range, error, 0, 0);
}

int pager_dirty(int pager, const struct pager_range *range, struct pager_dirty *out, unsigned count, unsigned flags) {
    return (int)native_call(NATIVE_pager_dirty, pager, (long)range, (long)out, count, flags);
}

int pager_written(int pager, const struct pager_range *range) {
    return (int)native_call(NATIVE_pager_written, pager, (long)range, 0, 0, 0);
}

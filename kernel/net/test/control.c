// SPDX-License-Identifier: MPL-2.0
// The walk over a buffer of control messages: good ones, cut ones, hostile ones.
#include "control.h"

#include <lib/status.h>
#include <stdlib.h>
#include <tap.h>

static uint8_t buffer[256];

static size_t put(size_t at, uint64_t size, int level, int type) {
    struct abi_cmsghdr header = {size, level, type};
    memcpy(buffer + at, &header, sizeof(header));
    return at + control_align(size);
}

static void test_good(void) {
    struct control_message m;
    size_t offset = 0;
    size_t end = put(put(0, 16 + 12, 1, 2), 16 + 4, 1, 1);
    is(control_next(buffer, end, &offset, &m), 1, "the first message");
    ok(m.level == 1 && m.type == 2 && m.size == 12 && m.data == buffer + 16, "is as written");
    is(offset, 32, "the next is aligned");
    is(control_next(buffer, end, &offset, &m), 1, "the second message");
    ok(m.type == 1 && m.size == 4, "is as written");
    is(control_next(buffer, end, &offset, &m), 0, "there is no third");
    offset = 0;
    is(control_next(buffer, 0, &offset, &m), 0, "an empty buffer has none");
    is(control_next(buffer, 15, &offset, &m), 0, "nor has one too small for a header");
}

static void test_bad(void) {
    struct control_message m;
    size_t offset = 0;
    put(0, 15, 1, 1);
    is(control_next(buffer, 64, &offset, &m), -EINVAL, "shorter than its header");
    put(0, 65, 1, 1);
    is(control_next(buffer, 64, &offset, &m), -EINVAL, "longer than the buffer");
    put(0, UINT64_MAX, 1, 1);
    is(control_next(buffer, 64, &offset, &m), -EINVAL, "far longer than the buffer");
    put(0, 20, 1, 1); // unpadded end of the buffer
    is(control_next(buffer, 20, &offset, &m), 1, "the last one needs no padding");
    is(offset, 20, "and ends the buffer");
    is(control_next(buffer, 20, &offset, &m), 0, "for good");
}

static void test_random(void) {
    unsigned bad = 0;
    srand(1);
    for (unsigned round = 0; round < 100000; round++) {
        size_t size = (size_t)rand() % 100, offset = 0;
        uint8_t *exact = malloc(size);
        for (size_t i = 0; i < size; i++)
            exact[i] = (uint8_t)(i % 8 ? 0 : rand() % 64);
        struct control_message m;
        while (control_next(exact, size, &offset, &m) > 0) {
            bad += m.data < exact || m.data + m.size > exact + size;
            for (size_t i = 0; i < m.size; i++)
                bad += m.data[i] > 255; // reads every byte under ASan
        }
        free(exact);
    }
    is(bad, 0, "random bytes never lead outside the buffer");
}

int main(void) {
    test_good();
    test_bad();
    test_random();
    is(control_rights_room(15), 0, "no room for a header: no descriptors");
    is(control_rights_room(19), 0, "a header alone holds none");
    is(control_rights_room(20), 1, "room for one");
    is(control_rights_room(24), 2, "room for two");
    return tap_done();
}

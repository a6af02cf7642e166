// SPDX-License-Identifier: MPL-2.0
// The highest level that waits.
#include "levels.h"

#include <tap.h>

int main(void) {
    struct levels levels = {};
    is(levels_top(&levels), 0, "nobody waits");
    levels_add(&levels, 12), levels_add(&levels, 31), levels_add(&levels, 12), levels_add(&levels, 3);
    is(levels_top(&levels), 31, "the highest of four");
    levels_remove(&levels, 31);
    is(levels_top(&levels), 12, "the next");
    levels_remove(&levels, 12);
    is(levels_top(&levels), 12, "of which there are two");
    levels_remove(&levels, 12);
    is(levels_top(&levels), 3, "the last");
    levels_add(&levels, 0), levels_remove(&levels, 3);
    is(levels_top(&levels), 0, "level 0 is as nobody");
    levels_remove(&levels, 0);
    ok(levels.present == 0, "all gone");
    return tap_done();
}

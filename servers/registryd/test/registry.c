// SPDX-License-Identifier: MPL-2.0
// The registry's names, views and waiters.
#include "names.h"
#include "tap.h"
#include "views.h"
#include "waiters.h"

#include <stdlib.h>

static struct names names;
static struct views views;
static struct waiters waiters;

static void test_names(void) {
    int old;
    is(names_enter(&names, "net", 1, 10, &old), 0, "a name");
    is(names_enter(&names, "fs", 1, 11, &old), 0, "another");
    is(old, -1, "which nobody had");
    is(names_enter(&names, "net", 2, 12, &old), 0, "a later start of the first");
    is(old, 10, "takes its place");
    is(names_enter(&names, "net", 1, 13, &old), ESTALE, "an earlier one does not");
    ok(names_find(&names, "net")->right == 12 && !names_find(&names, "ne") && !names_find(&names, "nett"), "found");
    ok(strcmp(names_after(&names, "")->text, "fs") == 0 && strcmp(names_after(&names, "fs")->text, "net") == 0 &&
           !names_after(&names, "net"),
       "in the alphabet's order");
    char text[16];
    int bad = 0;
    for (int i = 0; i < NAMES_MAX - 2; i++) {
        snprintf(text, sizeof text, "n%d", i * 7919 % 1000003);
        bad += names_enter(&names, text, 1, i, &old) != 0;
    }
    is(bad, 0, "many names");
    is(names_enter(&names, "one more", 1, 1, &old), ENOSPC, "too many");
    for (unsigned i = 1; i < names.count; i++)
        bad += strcmp(names.list[i - 1].text, names.list[i].text) >= 0;
    is(bad, 0, "still in order");
}

static void test_views(void) {
    ok(views_show(&views, VIEW_ALL, "net") && !views_known(&views, 5) && !views_show(&views, 5, "net"), "no view yet");
    is(views_set(&views, 5, "network net fs"), 0, "a view");
    ok(views_known(&views, 5) && views_show(&views, 5, "net") && views_show(&views, 5, "fs"), "shows its names");
    ok(!views_show(&views, 5, "work") && !views_show(&views, 5, "netw") && !views_show(&views, 5, "net fs"),
       "no others");
    ok(!views_show(&views, 5, "") && !views_show(&views, 5, "*"), "and nothing odd");
    is(views_set(&views, 5, "*"), 0, "set anew");
    ok(views_show(&views, 5, "anything"), "to all");
    int bad = 0;
    for (uint64_t badge = 6; badge < 5 + VIEWS_MAX; badge++)
        bad += views_set(&views, badge, "x") != 0;
    is(bad, 0, "many views");
    is(views_set(&views, 9999, "x"), ENOSPC, "too many");
}

static void test_waiters(void) {
    int gone = 0;
    for (int i = 0; i < WAITERS_OF_VIEW; i++)
        gone += waiters_add(&waiters, "a", 5, i) >= 0;
    is(gone, 0, "as many waiters as a view may have");
    is(waiters_add(&waiters, "a", 6, 1000), -1, "another view's");
    is(waiters_add(&waiters, "b", 5, 64), 0, "one more, and the view's oldest gives way");
    is(waiters_add(&waiters, "b", 5, 65), 1, "then the next");
    is(waiters_remove(&waiters, 0), 2, "taken out");
    is(waiters.count, WAITERS_OF_VIEW, "the rest stays");
    for (int view = 100; waiters.count < WAITERS_MAX; view++)
        waiters_add(&waiters, "c", (uint64_t)view, view);
    is(waiters_add(&waiters, "c", 99, 1), 3, "when all places are taken, the oldest of all gives way");
}

int main(void) {
    test_names();
    test_views();
    test_waiters();
    return tap_done();
}

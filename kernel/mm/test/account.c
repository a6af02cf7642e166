// SPDX-License-Identifier: MPL-2.0
// Accounts: limits at each level, batches of holders, and that nothing is lost or kept.

#include <mm/account.h>
#include <tap.h>

static unsigned released;
static void release(struct memory_account *account) {
    (void)account;
    released++;
}

static void make(struct memory_account *account, struct memory_account *above) {
    account_init(account, above);
    account->release = release;
}

static void test_limits(struct memory_account *top, struct memory_account *middle, struct memory_account *low) {
    ok(account_charge(low, 10), "no limits");
    ok(top->pages == 10 && middle->pages == 10 && low->pages == 10, "all levels count");
    middle->limit = 15;
    ok(!account_charge(low, 6), "a limit above");
    ok(top->pages == 10 && middle->pages == 10 && low->pages == 10, "a refusal charges nobody");
    ok(account_charge(low, 5), "exactly the limit");
    ok(account_charge(top, 100), "which is not that of those above");
    account_uncharge(top, 100);
    account_uncharge(low, 15);
    ok(top->pages == 0 && low->pages == 0, "given back");
}

static void test_holders(struct memory_account *middle, struct memory_account *low) {
    struct memory_charge charge, nobody;
    middle->limit = 100;
    charge_init(&charge, low);
    unsigned used = 0, grown = 0;
    while (used < 1000 && charge_cover(&charge, used + 1)) {
        grown += low->pages > (int64_t)used;
        used++;
    }
    is(used, 100, "a holder gets exactly the limit");
    ok(grown > 0 && low->pages == 100, "with some ahead on the way");
    charge_shrink(&charge, 10);
    ok(low->pages >= 10 && low->pages < 40, "what is not used goes back, but for a little (%ld)", (long)low->pages);
    ok(charge_move(&charge, middle) && low->pages == 0 && middle->pages > 0, "another pays");
    charge_fini(&charge);
    is(middle->pages, 0, "nothing is left");
    charge_init(&nobody, nullptr);
    ok(charge_cover(&nobody, 1 << 30), "nobody pays, nothing is refused");
    charge_shrink(&nobody, 0);
    charge_fini(&nobody);
}

int main(void) {
    struct memory_account top, middle, low;
    make(&top, nullptr);
    make(&middle, &top);
    make(&low, &middle);
    test_limits(&top, &middle, &low);
    test_holders(&middle, &low);
    account_put(&top);
    account_put(&middle);
    is(released, 0, "those below hold those above");
    account_put(&low);
    is(released, 3, "all go with the last");
    return tap_done();
}

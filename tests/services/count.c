// SPDX-License-Identifier: MPL-2.0
// count NAME [AMOUNT]: the client of docs/tutorial.md.
#include <protocols/counter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tessera/time.h>

int main(int argc, char **argv) {
    int64_t deadline = deadline_after_ms(5000);
    int counter = tessera_connect("counter", deadline);
    if (argc < 2 || counter < 0) {
        fprintf(stderr, argc < 2 ? "usage: count NAME [AMOUNT]\n" : "count: no counter: %s\n", strerror(-counter));
        return 2;
    }
    struct counter_add in = {.amount = argc > 2 ? atoll(argv[2]) : 1};
    struct counter_add_reply out;
    strncpy(in.name, argv[1], sizeof in.name - 1);
    int status = counter_add(counter, &in, &out, deadline);
    if (status < 0) {
        fprintf(stderr, "count: %s\n", strerror(-status));
        return 1;
    }
    printf("%lld\n", (long long)out.value);
    return 0;
}

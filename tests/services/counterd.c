// SPDX-License-Identifier: MPL-2.0
// counterd: the service of docs/tutorial.md. It keeps named numbers in memory that init keeps for it, so that they
// outlive it.
#include <errno.h>
#include <protocols/counter.h>
#include <string.h>
#include <sys/mman.h>
#include <tessera/handle.h>

#define NUMBERS 64

struct number {
    char name[32];
    int64_t value;
};

static struct number *find(struct number *numbers, const char *name) {
    for (int i = 0; i < NUMBERS; i++)
        if (strcmp(numbers[i].name, name) == 0)
            return &numbers[i];
    return NULL;
}

static int add(void *context, uint64_t badge, const struct counter_add *in, struct counter_add_reply *out) {
    struct number *number = find(context, in->name);
    int64_t value;
    if (!number)
        number = find(context, ""); // an empty place
    if (!number)
        return ENOSPC;
    if (__builtin_add_overflow(number->value, in->amount, &value))
        return ERANGE;
    out->value = number->value = value;
    strcpy(number->name, in->name);
    return 0;
}

static int get(void *context, uint64_t badge, const struct counter_get *in, struct counter_get_reply *out) {
    struct number *number = find(context, in->name);
    if (!number)
        return ENOENT;
    out->value = number->value;
    return 0;
}

int main(void) {
    int port = handle_named("port"), memory = handle_named("numbers");
    void *numbers = mmap(NULL, NUMBERS * sizeof(struct number), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    struct counter_server server = {.context = numbers, .add = add, .get = get};
    if (numbers == MAP_FAILED || tessera_register("counter", port) < 0)
        return 1;
    tessera_ready();
    return tessera_serve(port, counter_dispatch, &server) != 0;
}

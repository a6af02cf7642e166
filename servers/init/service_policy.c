// SPDX-License-Identifier: MPL-2.0
// The order in which services start and stop, and when one that ended starts again. No system calls.
#include "service.h"

#include <stdio.h>
#include <string.h>

#define STEADY_MS 100     // a service that was ready for so long did not fail to start
#define DELAY_FIRST_MS 25 // doubled with each further failure in a row
#define DELAY_MOST_MS 10000

static int find(const struct service *services, unsigned count, const char *name) {
    for (unsigned i = 0; i < count; i++)
        if (strcmp(services[i].name, name) == 0)
            return (int)i;
    return -1;
}

// What stands in the way of putting services[i] next, behind the `sorted` first ones. Empty: nothing. A need that does
// not exist or has failed is for good.
static void obstacle(const struct service *services, unsigned count, unsigned sorted, unsigned i, char *why,
                     size_t room, bool *for_good) {
    const char *at = services[i].needs;
    char need[SERVICE_NAME_MAX + 1];
    *for_good = false;
    why[0] = '\0';
    while (next_word(&at, need, sizeof need)) {
        int needed = find(services, count, need);
        *for_good = needed < 0 || services[needed].state == SERVICE_FAILED;
        if (*for_good || needed >= (int)sorted) {
            snprintf(why, room, "needs %s, which %s", need,
                     needed < 0  ? "is no service"
                     : *for_good ? "cannot start"
                                 : "needs it");
            return;
        }
    }
}

void services_sort(struct service *services, unsigned count,
                   void (*report)(const struct service *service, const char *why)) {
    char why[128];
    bool for_good;
    for (unsigned sorted = 0; sorted < count; sorted++) {
        unsigned next = sorted;
        for (; next < count; next++) {
            obstacle(services, count, sorted, next, why, sizeof why, &for_good);
            if (!why[0] || for_good)
                break;
        }
        if (next == count) { // all that are left wait for one another
            next = sorted;
            obstacle(services, count, sorted, next, why, sizeof why, &for_good);
        }
        if (why[0]) {
            services[next].state = SERVICE_FAILED;
            report(&services[next], why);
        }
        struct service chosen = services[next];
        memmove(&services[sorted + 1], &services[sorted], (next - sorted) * sizeof chosen);
        services[sorted] = chosen;
    }
}

bool service_is_registryd(const struct service *service) {
    return strcmp(service->name, REGISTRYD) == 0;
}

bool service_needs(const struct service *service, const struct service *other) {
    bool names = service->provides[0] || service->uses[0];
    return service != other && (has_word(service->needs, other->name) || (names && service_is_registryd(other)));
}

// Until nothing is added: registryd stands anywhere in the list.
static void mark(const struct service *services, unsigned count, unsigned number, bool dependents, bool *marked) {
    memset(marked, 0, count * sizeof *marked);
    marked[number] = true;
    for (bool more = true; more;) {
        more = false;
        for (unsigned i = 0; i < count; i++)
            for (unsigned k = 0; k < count && !marked[i]; k++)
                if (marked[k] && (dependents ? service_needs(&services[i], &services[k])
                                             : service_needs(&services[k], &services[i])))
                    marked[i] = more = true;
    }
}

void services_mark_dependents(const struct service *services, unsigned count, unsigned number, bool *marked) {
    mark(services, count, number, true, marked);
}

void services_mark_needs(const struct service *services, unsigned count, unsigned number, bool *marked) {
    mark(services, count, number, false, marked);
}

int64_t service_restart_delay(struct service *service, bool failed, int64_t steady_ms) {
    if (service->restart == RESTART_NEVER || (service->restart == RESTART_ON_FAILURE && !failed))
        return -1;
    service->failures = steady_ms >= STEADY_MS ? 1 : service->failures + 1;
    int64_t delay = 0;
    for (unsigned i = 1; i < service->failures && delay < DELAY_MOST_MS; i++)
        delay = delay ? delay * 2 : DELAY_FIRST_MS;
    return delay < DELAY_MOST_MS ? delay : DELAY_MOST_MS;
}

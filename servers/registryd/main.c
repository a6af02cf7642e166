// SPDX-License-Identifier: MPL-2.0
// registryd: names of services. It holds a port, and the key under which init derives tokens; nothing else.
//
// What it knows lives nowhere else, and need not: when it is started again, init says the views and enters the names
// anew (servers/init/registry.c). Its port is init's, too, so its clients' handles stay good, and a lookup made
// meanwhile waits in the port.
#include "names.h"
#include "views.h"
#include "waiters.h"

#include "../common/token.h"

#include <errno.h>
#include <poll.h>
#include <protocols/registry.h>
#include <stdio.h>
#include <string.h>
#include <tessera/handle.h>
#include <tessera/port.h>
#include <unistd.h>

static struct {
    uint8_t key[TOKEN_KEY_SIZE];
    struct names names;
    struct views views;
    struct waiters waiters;
} registry;

// A name whose port is closed is as good as not entered.
static bool is_alive(const struct name *name) {
    struct pollfd port = {.fd = name->right};
    return poll(&port, 1, 0) >= 0 && !(port.revents & (POLLHUP | POLLERR));
}

// 0 and a right of the caller's own, an error, or TESSERA_LATER: nobody can say yet. That is also so while the view is
// unknown, for a registry that was just started again hears of its views one by one.
static int decide(uint64_t badge, const char *text, struct registry_lookup_reply *out) {
    if (!views_known(&registry.views, badge))
        return TESSERA_LATER;
    if (!views_show(&registry.views, badge, text))
        return ENOENT;
    struct name *name = names_find(&registry.names, text);
    if (!name || !is_alive(name))
        return TESSERA_LATER;
    out->right = handle_duplicate(name->right, RIGHTS_ALL, 0);
    return out->right < 0 ? -out->right : 0;
}

// A name or a view is new: some may have waited for it.
static void answer_waiters(void) {
    for (unsigned i = 0; i < registry.waiters.count;) {
        const struct waiter *waiter = &registry.waiters.list[i];
        struct registry_lookup_reply reply;
        int error = decide(waiter->view, waiter->name, &reply);
        if (error == TESSERA_LATER)
            i++;
        else // a caller that has given up is none of ours
            (void)registry_lookup_answer(waiters_remove(&registry.waiters, i), error, &reply);
    }
}

static int enter(void *context, uint64_t badge, const struct registry_enter *in) {
    if (in->token_size != TOKEN_SIZE || in->name[0] == '\0' ||
        !token_is_for(registry.key, in->name, in->generation, badge, in->token))
        return EACCES;
    int old;
    int error = names_enter(&registry.names, in->name, in->generation, in->right, &old);
    if (error)
        return error;
    handle_close(old);
    answer_waiters();
    return 0;
}

static int wait_for(uint64_t badge, const char *text) {
    int reply = fipc_reply_save(0);
    if (reply < 0)
        return -reply;
    int gone = waiters_add(&registry.waiters, text, badge, reply);
    if (gone >= 0)
        (void)registry_lookup_answer(gone, EAGAIN, NULL);
    return TESSERA_LATER;
}

static int lookup(void *context, uint64_t badge, const struct registry_lookup *in, struct registry_lookup_reply *out) {
    int error = decide(badge, in->name, out);
    return error == TESSERA_LATER ? wait_for(badge, in->name) : error;
}

static int view(void *context, uint64_t badge, const struct registry_view *in) {
    if (badge != VIEW_ALL)
        return EPERM;
    int error = views_set(&registry.views, in->badge, in->names);
    if (!error)
        answer_waiters();
    return error;
}

static int list(void *context, uint64_t badge, const struct registry_list *in, struct registry_list_reply *out) {
    struct name *name = names_after(&registry.names, in->after);
    while (name && !views_show(&registry.views, badge, name->text))
        name = names_after(&registry.names, name->text);
    if (!name)
        return ENOENT;
    memcpy(out->name, name->text, sizeof out->name);
    out->generation = name->generation;
    return 0;
}

int main(void) {
    struct registry_server server = {.enter = enter, .lookup = lookup, .view = view, .list = list};
    int port = handle_named("port"), key = handle_named("key");
    if (port < 0 || key < 0 || pread(key, registry.key, sizeof registry.key, 0) != sizeof registry.key) {
        fprintf(stderr, "registryd: is started by init\n");
        return 1;
    }
    close(key);
    tessera_ready();
    int status = tessera_serve(port, registry_dispatch, &server);
    fprintf(stderr, "registryd: %s\n", strerror(-status));
    return 1;
}

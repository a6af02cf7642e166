// SPDX-License-Identifier: MPL-2.0
// Messages, generated stubs and the server's loop, with a kernel of our own behind native_call: a call is handed
// straight to the server's dispatch function.
#include "native.h"
#include "tap.h"

#include <fcntl.h>
#include <protocols/registry.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <tessera/handle.h>
#include <tessera/port.h>
#include <unistd.h>

static struct {
    struct registry_server server;
    struct tessera_message in, out; // as the server sees them
    void (*tamper)(struct tessera_message *in);
    int deaths;  // so many calls end with EPIPE first
    int calls;   // that were made
    int pending; // requests for the server's loop
    int replies; // that it gave
} fake;

static bool is_open(int fd) {
    return fcntl(fd, F_GETFD) >= 0;
}

// Copies of the handles are installed at the receiver, as the kernel would do; moved ones go.
static void carry(struct tessera_message *to, const struct fipc_message *header) {
    const struct tessera_message *from = (const struct tessera_message *)header;
    to->header = *header;
    memcpy(to->data, from->data, header->size);
    for (uint32_t i = 0; i < header->handle_count; i++) {
        to->handles[i] = from->handles[i];
        to->handles[i].handle = dup(from->handles[i].handle);
        if (from->handles[i].operation == FIPC_MOVE)
            close(from->handles[i].handle);
    }
}

static long fake_call(const struct fipc_message *message, struct fipc_message *reply) {
    fake.calls++;
    if (fake.deaths > 0) {
        fake.deaths--;
        return -EPIPE;
    }
    carry(&fake.in, message);
    fake.in.header.flags = FIPC_CALL;
    fake.in.header.badge = 7;
    if (fake.tamper)
        fake.tamper(&fake.in);
    message_open(&fake.in);
    if (!registry_dispatch(&fake.server, &fake.in, &fake.out))
        return -EPIPE;
    carry((struct tessera_message *)reply, &fake.out.header);
    return 0;
}

static long fake_receive(struct fipc_message *message) {
    if (fake.pending-- <= 0)
        return -EBADF;
    struct tessera_message *m = (struct tessera_message *)message;
    struct fipc_message request = {
        .type = MESSAGE_TYPE(REGISTRY_PROTOCOL, REGISTRY_VERSION, REGISTRY_LOOKUP), .flags = FIPC_CALL, .size = 4};
    m->header = request;
    memcpy(m->data, "\2\0ab", 4);
    return 0;
}

long native_call(long number, long a, long b, long c, long d, long e) {
    switch (number) {
    case NATIVE_fipc_call:
        return fake_call((void *)b, (void *)c);
    case NATIVE_fipc_recv:
        return fake_receive((void *)b);
    case NATIVE_fipc_reply_recv:
        fake.replies++;
        return fake_receive((void *)c);
    case NATIVE_fipc_reply:
        fake.replies++;
        return -EPIPE; // the caller has given up: handles stay with the server
    default:
        return -ENOSYS;
    }
}

static void test_message(void) {
    static struct tessera_message m;
    uint8_t bytes[8];
    char text[8];
    message_begin(&m, 5);
    message_put(&m, 0x1122334455667788, 8);
    message_put(&m, 0xfffe, 2);
    message_put_string(&m, "word", 7);
    message_put_bytes(&m, "\0\1", 2, 8);
    ok(!m.bad && m.header.size == 8 + 2 + 6 + 4, "values follow each other");
    message_open(&m);
    ok(message_get(&m, 8) == 0x1122334455667788 && message_get(&m, 2) == 0xfffe, "integers");
    message_get_string(&m, text, 7);
    ok(strcmp(text, "word") == 0, "a string");
    ok(!message_complete(&m), "there is more");
    is(message_get_bytes(&m, bytes, 8), 2, "bytes");
    ok(message_complete(&m), "and that is all");
    is(message_get(&m, 1), 0, "beyond the end there is nothing");
    ok(!message_complete(&m), "which is bad");
    message_open(&m);
    message_get(&m, 8), message_get(&m, 2);
    message_get_string(&m, text, 3);
    ok(m.bad && text[0] == '\0', "a string longer than its bound");
    message_begin(&m, 5);
    message_put_bytes(&m, "a\0b", 3, 7);
    message_open(&m);
    message_get_string(&m, text, 7);
    ok(m.bad, "a string with a zero in it");
    message_begin(&m, 5);
    message_put_string(&m, "too long", 7);
    ok(m.bad, "written strings are bounded, too");
    message_begin(&m, 5);
    for (int i = 0; i < 1024; i++)
        message_put(&m, 0, 8);
    ok(!m.bad && m.header.size == FIPC_INLINE_MAX, "a full message");
    message_put(&m, 0, 1);
    ok(m.bad && m.header.size == FIPC_INLINE_MAX, "has no room for another byte");
    message_begin(&m, 5);
    message_put_handle(&m, -1, FIPC_COPY);
    ok(m.bad, "no handle is no handle");
}

static struct {
    struct registry_enter enter;
    uint64_t badge;
    int kept;
} seen = {.kept = -1};

static int on_enter(void *context, uint64_t badge, const struct registry_enter *in) {
    seen.enter = *in;
    seen.badge = badge;
    if (in->generation == 99)
        return ESTALE;
    seen.kept = in->right;
    return 0;
}

static int on_lookup(void *context, uint64_t badge, const struct registry_lookup *in,
                     struct registry_lookup_reply *out) {
    if (strcmp(in->name, "later") == 0)
        return TESSERA_LATER;
    out->right = eventfd(3, 0);
    return 0;
}

static struct registry_enter entry(uint64_t generation) {
    return (struct registry_enter){
        .name = "echo", .generation = generation, .token_size = 3, .token = "abc", .right = eventfd(0, 0)};
}

static void test_stubs(void) {
    struct registry_enter in = entry(1ull << 40);
    is(registry_enter(9, &in, FIPC_FOREVER), 0, "a call with a handle");
    ok(strcmp(seen.enter.name, "echo") == 0 && seen.enter.generation == 1ull << 40, "arrives as it was");
    ok(seen.enter.token_size == 3 && memcmp(seen.enter.token, "abc", 3) == 0 && seen.badge == 7,
       "with bytes and badge");
    ok(is_open(seen.kept), "the server has the handle");
    close(seen.kept);
    ok(!is_open(in.right), "the client has it no more");
    in = entry(99);
    is(registry_enter(9, &in, FIPC_FOREVER), -ESTALE, "the server's error");
    ok(!is_open(in.right) && !is_open(seen.enter.right), "closes the handle everywhere");
    struct registry_lookup name = {.name = "echo"};
    struct registry_lookup_reply reply;
    uint64_t value = 0;
    is(registry_lookup(9, &name, &reply, FIPC_FOREVER), 0, "an answer with a handle");
    ok(read(reply.right, &value, 8) == 8 && value == 3, "which works");
    close(reply.right);
    struct registry_view view = {};
    is(registry_view(9, &view, FIPC_FOREVER), -ENOSYS, "a method that the server lacks");
    strcpy(name.name, "later");
    fake.calls = 0;
    is(registry_lookup(9, &name, &reply, FIPC_FOREVER), -EPIPE, "a call that is never answered");
    is(fake.calls, 16, "was tried again, but not for ever");
    strcpy(name.name, "echo");
    fake.deaths = 3;
    is(registry_lookup(9, &name, &reply, FIPC_FOREVER), 0, "a server that dies three times");
    close(reply.right);
    fake.deaths = 1;
    in = entry(1);
    is(registry_enter(9, &in, FIPC_FOREVER), -EPIPE, "what must not be done twice is not");
}

static uint32_t tamper_type, tamper_size;
static void tamper(struct tessera_message *in) {
    in->header.type = tamper_type ? tamper_type : in->header.type;
    if (tamper_size > in->header.size)
        memset(in->data + in->header.size, 0, tamper_size - in->header.size);
    in->header.size = tamper_size;
}

static int tampered(uint32_t type, uint32_t size) {
    struct registry_enter in = entry(1);
    tamper_type = type;
    tamper_size = size;
    int status = registry_enter(9, &in, FIPC_FOREVER);
    if (is_open(fake.in.handles[0].handle) && fake.in.handles[0].handle > 2)
        return 1;
    return status;
}

static void test_bad_requests(void) {
    uint32_t whole = 6 + 8 + 5;
    fake.tamper = tamper;
    is(tampered(MESSAGE_TYPE(REGISTRY_PROTOCOL, REGISTRY_VERSION, 77), whole), -ENOSYS, "an unknown method");
    is(tampered(MESSAGE_TYPE(REGISTRY_PROTOCOL, REGISTRY_VERSION, 0xfff), whole), -ENOSYS, "the last of them");
    is(tampered(MESSAGE_TYPE(REGISTRY_PROTOCOL, REGISTRY_VERSION + 1, 1), whole), -EPROTONOSUPPORT, "a later version");
    is(tampered(MESSAGE_TYPE(REGISTRY_PROTOCOL + 1, REGISTRY_VERSION, 1), whole), -EPROTONOSUPPORT, "another protocol");
    is(tampered(0, whole + 1), -EBADMSG, "a message that is longer");
    is(tampered(0, FIPC_INLINE_MAX), -EBADMSG, "much longer");
    int bad = 0;
    for (uint32_t size = 0; size < whole; size++)
        bad += tampered(0, size) == -EBADMSG;
    is(bad, whole, "or shorter, wherever it ends");
    fake.tamper = NULL;
}

static void test_notes(void) {
    static struct tessera_message note, out;
    note.header = (struct fipc_message){.flags = FIPC_NOTE, .type = FIPC_NOTE_NO_SENDERS};
    message_open(&note);
    ok(!registry_dispatch(&fake.server, &note, &out), "a note is not answered");
    note.header = (struct fipc_message){.type = MESSAGE_TYPE(REGISTRY_PROTOCOL, REGISTRY_VERSION, REGISTRY_LIST)};
    message_open(&note);
    ok(!registry_dispatch(&fake.server, &note, &out), "nor a message that is no call");
}

static void test_loop(void) {
    int before = dup(0);
    close(before);
    fake.pending = 3;
    is(tessera_serve(5, registry_dispatch, &fake.server), -EBADF, "the loop ends with its port");
    is(fake.replies, 3, "each request was answered");
    int after = dup(0);
    close(after);
    is(after, before, "handles of answers that nobody took are closed");
}

static void test_names(void) {
    setenv("TESSERA_HANDLES", "registry=3 ready=14 reg=5", 1);
    ok(handle_named("registry") == 3 && handle_named("ready") == 14 && handle_named("reg") == 5, "named handles");
    is(handle_named("read"), -ENOENT, "part of a name is none");
    unsetenv("TESSERA_HANDLES");
    is(handle_named("registry"), -ENOENT, "nothing was given");
    is(tessera_connect("echo", FIPC_FOREVER), -ENOENT, "so there is no registry");
}

int main(void) {
    fake.server = (struct registry_server){.enter = on_enter, .lookup = on_lookup};
    test_message();
    test_stubs();
    test_bad_requests();
    test_notes();
    test_loop();
    test_names();
    return tap_done();
}

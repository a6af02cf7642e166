// SPDX-License-Identifier: MPL-2.0
#include <tessera/message.h>

#include <errno.h>
#include <string.h>
#include <tessera/handle.h>
#include <tessera/port.h>

#define CALLS_MOST 16 // of one request to a server that dies over it

void message_begin(struct tessera_message *m, uint32_t type) {
    m->header = (struct fipc_message){.type = type};
    m->bad = false;
}

static void put(struct tessera_message *m, const void *from, uint32_t size) {
    if (m->bad || size > FIPC_INLINE_MAX - m->header.size) {
        m->bad = true;
        return;
    }
    memcpy(m->data + m->header.size, from, size);
    m->header.size += size;
}

void message_put(struct tessera_message *m, uint64_t value, unsigned bytes) {
    uint8_t encoded[8];
    for (unsigned i = 0; i < bytes; i++)
        encoded[i] = (uint8_t)(value >> 8 * i);
    put(m, encoded, bytes);
}

void message_put_bytes(struct tessera_message *m, const void *from, uint32_t size, uint32_t most) {
    if (size > most || size > UINT16_MAX) {
        m->bad = true;
        return;
    }
    message_put(m, size, 2);
    put(m, from, size);
}

void message_put_string(struct tessera_message *m, const char *text, uint32_t most) {
    message_put_bytes(m, text, (uint32_t)strnlen(text, most + 1), most);
}

void message_put_handle(struct tessera_message *m, int handle, enum fipc_operation operation) {
    if (m->bad || handle < 0 || m->header.handle_count == FIPC_HANDLES_MAX) {
        m->bad = true;
        return;
    }
    m->handles[m->header.handle_count++] =
        (struct fipc_handle){.handle = handle, .rights = RIGHTS_ALL, .operation = operation};
    m->header.handles = (uintptr_t)m->handles;
}

void message_expect(struct tessera_message *m) {
    m->header = (struct fipc_message){.handles = (uintptr_t)m->handles, .handle_count = FIPC_HANDLES_MAX};
}

void message_open(struct tessera_message *m) {
    m->position = m->handle_position = 0;
    m->bad = m->header.size > FIPC_INLINE_MAX || m->header.handle_count > FIPC_HANDLES_MAX;
}

// The next `size` bytes; null: there are not as many.
static const uint8_t *get(struct tessera_message *m, uint32_t size) {
    if (m->bad || size > m->header.size - m->position) {
        m->bad = true;
        return NULL;
    }
    m->position += size;
    return m->data + m->position - size;
}

uint64_t message_get(struct tessera_message *m, unsigned bytes) {
    const uint8_t *from = get(m, bytes);
    uint64_t value = 0;
    for (unsigned i = 0; from && i < bytes; i++)
        value |= (uint64_t)from[i] << 8 * i;
    return value;
}

uint32_t message_get_bytes(struct tessera_message *m, void *to, uint32_t most) {
    uint32_t size = (uint32_t)message_get(m, 2);
    const uint8_t *from = NULL;
    if (size > most)
        m->bad = true;
    else
        from = get(m, size);
    if (!from)
        return 0;
    memcpy(to, from, size);
    return size;
}

void message_get_string(struct tessera_message *m, char *to, uint32_t most) {
    uint32_t size = message_get_bytes(m, to, most);
    to[size] = '\0';
    if (strlen(to) != size)
        m->bad = true;
}

int message_get_handle(struct tessera_message *m) {
    if (m->bad || m->handle_position >= m->header.handle_count) {
        m->bad = true;
        return -1;
    }
    return m->handles[m->handle_position++].handle;
}

bool message_complete(const struct tessera_message *m) {
    return !m->bad && m->position == m->header.size && m->handle_position == m->header.handle_count;
}

void message_drop_handles(struct tessera_message *m) {
    for (uint32_t i = 0; i < m->header.handle_count && i < FIPC_HANDLES_MAX; i++)
        handle_close(m->handles[i].handle);
    m->header.handle_count = 0;
}

void message_fail(struct tessera_message *m, int error) {
    message_begin(m, (uint32_t)error);
}

int message_call(int right, struct tessera_message *in, struct tessera_message *out, bool again, int64_t deadline) {
    if (in->bad)
        return -EINVAL;
    int status;
    unsigned calls = again ? CALLS_MOST : 1;
    do {
        message_expect(out);
        status = fipc_call(right, &in->header, &out->header, MESSAGE_ROOM, deadline);
    } while (status == -EPIPE && --calls > 0);
    if (status < 0)
        return status;
    message_open(out);
    if (out->header.type == 0)
        return 0;
    message_drop_handles(out);
    return out->header.type <= 4095 ? -(int)out->header.type : -EPROTO;
}

int message_answer(int reply, struct tessera_message *m) {
    int status = m->bad ? -EMSGSIZE : fipc_send(reply, &m->header, 0);
    if (status < 0)
        message_drop_handles(m);
    handle_close(reply);
    return status;
}

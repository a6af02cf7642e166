// SPDX-License-Identifier: MPL-2.0
// Any bytes as requests of the legacy path to posixd, a whole sequence of them: they are served or refused, none is
// answered twice, and what is answered lies within its bounds. A step is a byte that says what comes, two of its
// length, and its data: as the kernel would not send it, or with arguments of a byte each.
#include "posixd.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned answers;

bool transmit(const struct caller *caller, const struct posix_answer *head, const void *data, uint32_t size) {
    static uint8_t out[POSIX_INPUT_MAX * 2];
    if (size > POSIX_INPUT_MAX || ((head->flags & POSIX_NEED_INPUT) && head->input_size > POSIX_INPUT_MAX))
        abort();
    if (size > 0)
        memcpy(out, data, size);
    answers += caller->reply < 0;
    return caller->request.ticket % 8 != 7; // some are not there any more
}

int64_t now(void) {
    return 1;
}

bool process_has_ended(int process) {
    return process % 2;
}

bool job_has_ended(uint64_t job) {
    return job % 2;
}

static bool saved;
static int save_reply(void) {
    saved = true;
    return dup(0);
}

static struct {
    struct posix_request request;
    uint8_t input[POSIX_INPUT_MAX];
} wire;

static void serve_whole(uint32_t call, const uint8_t *data, uint32_t size) {
    uint32_t arguments = size < 4 ? size : 4, rest = size - arguments;
    static uint64_t ticket;
    wire.request = (struct posix_request){.ticket = ++ticket,
                                          .job = call >> 2 & 1 ? call & 3 : 0,
                                          .memory = call & 1 ? 1 << 20 : 100,
                                          .process = call & 3,
                                          .capabilities = UINT64_MAX};
    for (uint32_t i = 0; i < arguments; i++)
        wire.request.arguments[i] = (int8_t)data[i];
    wire.request.input_size = rest < POSIX_INPUT_MAX ? rest : POSIX_INPUT_MAX;
    memcpy(wire.input, data + arguments, wire.request.input_size);
    serve_call(call, (const uint8_t *)&wire, sizeof wire.request + wire.request.input_size, save_reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    callers_init();
    if (!state_open(-1))
        abort();
    spaces_reopen();
    while (size >= 3) {
        uint32_t call = data[0] % 16, length = data[1] | data[2] << 8;
        bool whole = data[0] & 0x80, notice = data[0] & 0x40;
        data += 3;
        size -= 3;
        length = length < size ? length : (uint32_t)size;
        answers = saved = 0;
        if (notice)
            serve_notice(POSIX_CANCEL + call % 4, data, length);
        else if (whole)
            serve_whole(call, data, length);
        else
            serve_call(call, data, length, save_reply);
        if (!notice && answers != !saved)
            abort();
        callers_expire();
        if (state_changed())
            abort(); // every call ends with a commit or an undoing
        data += length;
        size -= length;
    }
    callers_forget();
    spaces_reopen();
    state_close();
    return 0;
}

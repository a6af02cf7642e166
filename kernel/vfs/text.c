// SPDX-License-Identifier: MPL-2.0
// Growing text, and files whose contents are text made by the kernel.
//
// The text is made whole at the first read at position 0 and kept with the open file, so that a reader who takes it in
// pieces sees one moment; reading from 0 again makes it anew.
#include "vfs_priv.h"

#include <lib/fmt.h>
#include <stdarg.h>

enum { TEXT_FIRST = 1024, TEXT_MAX = 4 << 20 };

static bool text_reserve(struct text_buffer *text, size_t more) {
    if (text->failed)
        return false;
    size_t needed = text->length + more;
    if (needed <= text->capacity)
        return true;
    size_t capacity = text->capacity ? text->capacity : TEXT_FIRST;
    while (capacity < needed)
        capacity *= 2;
    char *data = capacity <= TEXT_MAX ? kmalloc_charged(capacity) : nullptr;
    if (!data) {
        text->failed = true;
        return false;
    }
    if (text->length > 0)
        memcpy(data, text->data, text->length);
    kfree(text->data);
    text->data = data;
    text->capacity = capacity;
    return true;
}

void text_printf(struct text_buffer *text, const char *format, ...) {
    for (size_t room = 128;;) {
        if (!text_reserve(text, room))
            return;
        va_list args;
        va_start(args, format);
        int length = fmt_vsnprintf(text->data + text->length, text->capacity - text->length, format, args);
        va_end(args);
        if (length < 0)
            return;
        if ((size_t)length < text->capacity - text->length) {
            text->length += (size_t)length;
            return;
        }
        room = (size_t)length + 1;
    }
}

void text_append(struct text_buffer *text, const char *from, size_t length) {
    if (!text_reserve(text, length))
        return;
    memcpy(text->data + text->length, from, length);
    text->length += length;
}

void text_free(struct text_buffer *text) {
    kfree(text->data);
    *text = (struct text_buffer){};
}

ssize_t text_take(struct text_buffer *text, struct uio *uio, loff_t position) {
    if (position < 0)
        return -EINVAL;
    if ((uint64_t)position >= text->length)
        return 0;
    size_t size = MIN(text->length - (size_t)position, uio->resid), done = uio_write(uio, text->data + position, size);
    return done || !size ? (ssize_t)done : -EFAULT;
}

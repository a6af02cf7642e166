// SPDX-License-Identifier: MPL-2.0
// syslog(2): the log as text, for dmesg and klogd, and the console level.
#include "dev_priv.h"

#include <abi/syscall_table.h>
#include <arch/uaccess.h>
#include <dev/klog.h>
#include <lib/fmt.h>
#include <lib/log.h>
#include <lib/status.h>
#include <object/object.h>
#include <object/task.h>

enum {
    ACTION_CLOSE,
    ACTION_OPEN,
    ACTION_READ,
    ACTION_READ_ALL,
    ACTION_READ_CLEAR,
    ACTION_CLEAR,
    ACTION_CONSOLE_OFF,
    ACTION_CONSOLE_ON,
    ACTION_CONSOLE_LEVEL,
    ACTION_SIZE_UNREAD,
    ACTION_SIZE_BUFFER
};

#define LINE_MAX (KLOG_TEXT_MAX + 48)
#define CAP_SYSLOG 34

static struct {
    struct spinlock lock;
    uint64_t position GUARDED_BY(&lock); // of ACTION_READ
    int saved_level GUARDED_BY(&lock);   // while the console is off; -1: it is on
} syslog = {.saved_level = -1};

static size_t format_record(const struct klog_record *record, char *line) {
    uint64_t micros = (uint64_t)record->time / 1000;
    return (size_t)fmt_snprintf(line, LINE_MAX, "<%u>[%5llu.%06llu] %.*s\n", record->level,
                                (unsigned long long)(micros / 1000000), (unsigned long long)(micros % 1000000),
                                (int)record->length, record->text);
}

// Finds the record at or after *position; false at the end.
static bool next_record(uint64_t *position, struct klog_record *record) {
    for (;;) {
        enum klog_read result = klog_ring_get(&klog_ring, *position, record);
        if (result == KLOG_EMPTY)
            return false;
        if (result == KLOG_OK)
            return true;
        uint64_t oldest = klog_ring_oldest(&klog_ring);
        *position = oldest > *position ? oldest : *position + 1;
    }
}

static size_t text_size(uint64_t position) {
    struct klog_record record;
    char line[LINE_MAX];
    size_t total = 0;
    for (; next_record(&position, &record); position++)
        total += format_record(&record, line);
    return total;
}

// The newest whole lines that fit.
static long read_all(char __user *buffer, int size, bool clear) {
    struct klog_record record;
    char line[LINE_MAX];
    uint64_t position = MAX(kmsg_cleared(), klog_ring_oldest(&klog_ring));
    size_t total = text_size(position), done = 0;
    for (; next_record(&position, &record); position++) {
        size_t length = format_record(&record, line);
        if (total > (size_t)size) {
            total -= length;
            continue;
        }
        if (done + length > (size_t)size)
            break;
        if (copy_to_user(buffer + done, line, length) != 0)
            return -EFAULT;
        done += length;
    }
    if (clear)
        kmsg_clear();
    return (long)done;
}

static long read_next(char __user *buffer, int size) {
    struct klog_record record;
    char line[LINE_MAX];
    size_t done = 0;
    for (;;) {
        spin_lock(&syslog.lock);
        uint64_t position = syslog.position;
        spin_unlock(&syslog.lock);
        if (!next_record(&position, &record)) {
            if (done > 0)
                return (long)done;
            status_t status = kmsg_wait(position);
            if (status != 0)
                return status;
            continue;
        }
        size_t length = format_record(&record, line);
        if (done + length > (size_t)size)
            return done > 0 ? (long)done : -EINVAL;
        if (copy_to_user(buffer + done, line, length) != 0)
            return -EFAULT;
        done += length;
        spin_lock(&syslog.lock);
        syslog.position = position + 1;
        spin_unlock(&syslog.lock);
    }
}

static long console_level(int action, int level) {
    if (action == ACTION_CONSOLE_LEVEL && (level < 1 || level > 8))
        return -EINVAL;
    spin_lock(&syslog.lock);
    if (action == ACTION_CONSOLE_OFF) {
        if (syslog.saved_level < 0)
            syslog.saved_level = klog_level();
        klog_set_level(LOG_EMERGENCY);
    } else if (action == ACTION_CONSOLE_ON) {
        if (syslog.saved_level >= 0)
            klog_set_level(syslog.saved_level);
        syslog.saved_level = -1;
    } else {
        klog_set_level(level - 1); // the call counts "below", we "up to"
        syslog.saved_level = -1;
    }
    spin_unlock(&syslog.lock);
    return 0;
}

long sys_syslog(int type, char __user *buffer, int size) {
    bool reading = type == ACTION_READ || type == ACTION_READ_ALL || type == ACTION_READ_CLEAR;
    if (type < ACTION_CLOSE || type > ACTION_SIZE_BUFFER)
        return -EINVAL;
    // Anybody may read the log whole; the rest is for the administrator.
    if (type != ACTION_READ_ALL && type != ACTION_SIZE_BUFFER && !cred_has_cap(cred_current(), CAP_SYSLOG) &&
        !cred_has_cap(cred_current(), CAP_SYS_ADMIN))
        return -EPERM;
    if (reading && (size < 0 || (__force uintptr_t)buffer == 0))
        return -EINVAL;
    if (reading && size == 0)
        return 0;
    switch (type) {
    case ACTION_READ:
        return read_next(buffer, size);
    case ACTION_READ_ALL:
    case ACTION_READ_CLEAR:
        return read_all(buffer, size, type == ACTION_READ_CLEAR);
    case ACTION_CLEAR:
        kmsg_clear();
        return 0;
    case ACTION_CONSOLE_OFF:
    case ACTION_CONSOLE_ON:
    case ACTION_CONSOLE_LEVEL:
        return console_level(type, size);
    case ACTION_SIZE_UNREAD: {
        spin_lock(&syslog.lock);
        uint64_t position = syslog.position;
        spin_unlock(&syslog.lock);
        return (long)text_size(position);
    }
    case ACTION_SIZE_BUFFER:
        return KLOG_SLOTS * KLOG_TEXT_MAX;
    default: // open, close: nothing to do
        return 0;
    }
}

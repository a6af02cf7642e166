// SPDX-License-Identifier: MPL-2.0
// Terminals: a line discipline between a driver (serial port, pty master) and the processes that read and write it.
#pragma once

#include <object/object.h>

struct tty;

// A driver's side. Callbacks run in thread or dpc context and do not block.
struct tty_driver {
    // Takes as much as it can of `text`, returns how much. More room: the driver calls tty_output_ready.
    size_t (*write)(struct tty *tty, const char *text, size_t size);
    void (*set_termios)(struct tty *tty);
    void (*hang_up)(struct tty *tty);
    void (*throttle)(struct tty *tty, bool stop); // input queue full / has room again
};
MUST_USE status_t tty_create(const struct tty_driver *driver, void *context, const char *name, uint32_t device,
                             struct tty **out);
// Input from the driver: thread or dpc context.
void tty_input(struct tty *tty, const uint8_t *bytes, size_t size);
void tty_output_ready(struct tty *tty);
void *tty_context(struct tty *tty);
// The kernel console (for /dev/console and klog).
void console_set(struct tty *tty);
struct tty *console_get(void);

// What job control needs of processes; kernel/posix fills it in at boot (tty is the lower layer).
struct tty_job_ops {
    int (*signal_group)(int group, int signal);             // returns processes reached
    int (*current_group)(void);
    int (*current_session)(void);
    bool (*is_session_leader)(void);
    bool (*group_in_session)(int group, int session);
    bool (*signal_ignored_or_blocked)(int signal);          // by the current thread
    bool (*group_is_orphaned)(int group);
    struct tty *(*controlling)(void);
    status_t (*set_controlling)(struct tty *tty);           // for the current session
    void (*session_lost_tty)(int session);
};
extern const struct tty_job_ops *tty_job_ops;

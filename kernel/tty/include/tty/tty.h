// SPDX-License-Identifier: MPL-2.0
// Terminals: a line discipline between a driver (serial port, pty master) and the processes that read and write it.
#pragma once

#include <abi/termios.h>
#include <object/object.h>

struct tty;

// A driver's side. Callbacks run in thread or dpc context with the terminal's lock held: they neither block nor call
// tty functions. All but `write` may be null.
struct tty_driver {
    // Takes as much as it can of `text`, returns how much. More room: the driver calls tty_output_ready.
    size_t (*write)(struct tty *tty, const char *text, size_t size);
    void (*set_termios)(struct tty *tty);
    void (*hang_up)(struct tty *tty);
    void (*throttle)(struct tty *tty, bool stop);         // input queue full / has room again
    void (*flush_output)(struct tty *tty);                // forget what was taken and is not sent
    size_t (*pending)(struct tty *tty);                   // bytes taken and not yet sent (tcdrain, TIOCOUTQ)
    void (*event)(struct tty *tty, uint32_t packet_bits); // TIOCPKT_*, for pty masters
    int (*get_modem)(struct tty *tty);                    // TIOCM_*
    void (*set_modem)(struct tty *tty, int set, int clear);
    void (*set_break)(struct tty *tty, bool on);
    void (*opened)(struct tty *tty, bool first); // a process opened it
    void (*closed)(struct tty *tty, bool last);
    long (*ioctl)(struct tty *tty, unsigned command, unsigned long argument); // what tty does not know; no lock held
};
// Makes /dev/<name> with Linux's device number. One reference, which a driver that lives for ever keeps.
MUST_USE status_t tty_create(const struct tty_driver *driver, void *context, const char *name, uint32_t device,
                             struct tty **out);
// Input from the driver: thread or dpc context, driver's lock not held. Returns the bytes taken: the rest when
// throttle(false) comes.
size_t tty_receive(struct tty *tty, const uint8_t *bytes, size_t size);
// As above for drivers that cannot keep input: what is not taken is lost.
void tty_input(struct tty *tty, const uint8_t *bytes, size_t size);
void tty_input_break(struct tty *tty);
void tty_input_error(struct tty *tty, uint8_t byte); // parity or framing
void tty_output_ready(struct tty *tty);
void *tty_context(struct tty *tty);
const struct abi_termios2 *tty_termios(struct tty *tty); // for set_termios
// The kernel console (for /dev/console).
void console_set(struct tty *tty);
struct tty *console_get(void);
// Boot, after vfs_init: /dev/tty, /dev/console, /dev/ptmx and devpts.
void tty_init(void);

// --- for job control in kernel/posix ---
void tty_get(struct tty *tty);
void tty_put(struct tty *tty);
// The session leader exits, or gives the terminal up: the foreground group gets SIGHUP and SIGCONT, the terminal has no
// session any more. A hardware terminal is hung up.
void tty_disassociate(struct tty *tty, int session);
// vhangup: all who have it open get end-of-file and EIO from now on.
void tty_hang_up(struct tty *tty);
uint32_t tty_device(struct tty *tty);
int tty_foreground_group(struct tty *tty);

// What job control needs of processes; kernel/posix fills it in at boot (tty is the lower layer). Called without locks.
struct tty_job_ops {
    int (*signal_group)(int group, int signal); // returns processes reached; signal 0 only counts
    int (*current_group)(void);
    int (*current_session)(void);
    bool (*is_session_leader)(void);
    bool (*group_in_session)(int group, int session);
    bool (*signal_ignored_or_blocked)(int signal); // by the current thread
    bool (*group_is_orphaned)(int group);
    struct tty *(*controlling)(void);             // null: none. No reference: the tty is freed after RCU
    status_t (*set_controlling)(struct tty *tty); // for the current session
    void (*session_lost_tty)(int session);
};
extern const struct tty_job_ops *tty_job_ops;

// SPDX-License-Identifier: MPL-2.0
// Terminal ioctls: modes, flow, window size; job control's are in tty_job.c, those of a pty's master in pty.c.
#include "tty_priv.h"

#include <arch/uaccess.h>
#include <lib/string.h>
#include <object/task.h>
#include <sched/sched.h>
#include <sched/thread.h>

#define BREAK_TIME (250ll * 1000 * 1000)

// --- termios ---

static const struct {
    uint32_t code, rate;
} speeds[] = {{0, 0},
              {1, 50},
              {2, 75},
              {3, 110},
              {4, 134},
              {5, 150},
              {6, 200},
              {7, 300},
              {8, 600},
              {9, 1200},
              {10, 1800},
              {11, 2400},
              {12, 4800},
              {13, 9600},
              {14, 19200},
              {15, 38400},
              {0x1001, 57600},
              {0x1002, 115200},
              {0x1003, 230400},
              {0x1004, 460800},
              {0x1005, 500000},
              {0x1006, 576000},
              {0x1007, 921600},
              {0x1008, 1000000},
              {0x1009, 1152000},
              {0x100a, 1500000},
              {0x100b, 2000000},
              {0x100c, 2500000},
              {0x100d, 3000000},
              {0x100e, 3500000},
              {0x100f, 4000000}};

static uint32_t speed_of(uint32_t code, uint32_t other) {
    for (unsigned i = 0; i < ARRAY_SIZE(speeds); i++)
        if (speeds[i].code == code)
            return speeds[i].rate;
    return other;
}

// struct termios has the speeds in cflag only.
static void speeds_from_cflag(struct abi_termios2 *termios, bool explicit) {
    uint32_t out = termios->cflag & CBAUD, in = (termios->cflag & CIBAUD) >> 16;
    if (!explicit || out != BOTHER)
        termios->ospeed = speed_of(out, termios->ospeed);
    if (in == 0)
        termios->ispeed = termios->ospeed;
    else if (!explicit || in != BOTHER)
        termios->ispeed = speed_of(in, termios->ispeed);
}

static status_t get_termios(struct tty *tty, void __user *to, size_t size) {
    spin_lock(&tty->lock);
    struct abi_termios2 copy = tty->line.termios;
    spin_unlock(&tty->lock);
    return copy_to_user(to, &copy, size);
}

// What is locked stays as it was.
static void keep_locked(struct abi_termios2 *next, const struct abi_termios2 *old, const struct abi_termios2 *locked) {
    next->iflag = (next->iflag & ~locked->iflag) | (old->iflag & locked->iflag);
    next->oflag = (next->oflag & ~locked->oflag) | (old->oflag & locked->oflag);
    next->cflag = (next->cflag & ~locked->cflag) | (old->cflag & locked->cflag);
    next->lflag = (next->lflag & ~locked->lflag) | (old->lflag & locked->lflag);
    next->line = locked->line ? old->line : next->line;
    for (unsigned i = 0; i < sizeof(next->cc); i++)
        next->cc[i] = locked->cc[i] ? old->cc[i] : next->cc[i];
}

static void apply_termios(struct tty *tty, struct abi_termios2 *termios) {
    spin_lock(&tty->lock);
    struct abi_termios2 old = tty->line.termios;
    keep_locked(termios, &old, &tty->locked);
    line_set_termios(&tty->line, termios);
    if (tty->driver->set_termios)
        tty->driver->set_termios(tty);
    bool ruled = (old.iflag & IXON) && old.cc[VSTOP] == 19 && old.cc[VSTART] == 17;
    bool rules = (termios->iflag & IXON) && termios->cc[VSTOP] == 19 && termios->cc[VSTART] == 17;
    uint32_t packet = ruled == rules ? 0 : rules ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP;
    if (((old.lflag ^ termios->lflag) & EXTPROC) || (termios->lflag & EXTPROC))
        packet |= TIOCPKT_IOCTL;
    if (packet != 0 && tty->driver->event)
        tty->driver->event(tty, packet);
    (void)tty_take_events_locked(tty);
    tty_push_output_locked(tty);
    tty_unthrottle_locked(tty);
    wait_queue_wake_all(&tty->readers); // what is readable may have changed
    tty_update_signals_locked(tty);
    spin_unlock(&tty->lock);
}

// What is new, over what is old: the older structures hold less.
static status_t termios_from_user(struct abi_termios2 *termios, const void __user *from, unsigned command) {
    struct abi_termio old;
    bool explicit = command >= TCSETS2 && command <= TCSETSF2;
    if (command < TCSETA || command > TCSETAF) {
        if (copy_from_user(termios, from, explicit ? sizeof(*termios) : ABI_TERMIOS_SIZE) != 0)
            return -EFAULT;
    } else {
        if (copy_from_user(&old, from, sizeof(old)) != 0)
            return -EFAULT;
        termios->iflag = (termios->iflag & 0xffff0000) | old.iflag;
        termios->oflag = (termios->oflag & 0xffff0000) | old.oflag;
        termios->cflag = (termios->cflag & 0xffff0000) | old.cflag;
        termios->lflag = (termios->lflag & 0xffff0000) | old.lflag;
        termios->line = old.line;
        memcpy(termios->cc, old.cc, sizeof(old.cc));
    }
    speeds_from_cflag(termios, explicit);
    return 0;
}

static long get_termio(struct tty *tty, void __user *to) {
    spin_lock(&tty->lock);
    const struct abi_termios2 *from = &tty->line.termios;
    struct abi_termio copy = {(uint16_t)from->iflag, (uint16_t)from->oflag, (uint16_t)from->cflag,
                              (uint16_t)from->lflag, from->line};
    memcpy(copy.cc, from->cc, sizeof(copy.cc));
    spin_unlock(&tty->lock);
    return copy_to_user(to, &copy, sizeof(copy));
}

static long set_termios(struct tty *tty, unsigned command, unsigned long argument, bool master) {
    unsigned first = command >= TCSETS2 && command <= TCSETSF2 ? TCSETS2 : command >= TCSETA ? TCSETA : TCSETS;
    unsigned how = command - first; // 0 now, 1 drain, 2 drain and flush input
    if (!master) {
        status_t status = tty_check_job(tty, TTY_SIGTTOU);
        if (status != 0)
            return status;
    }
    spin_lock(&tty->lock);
    struct abi_termios2 termios = tty->line.termios;
    spin_unlock(&tty->lock);
    if (termios_from_user(&termios, (const void __user *)argument, command) != 0)
        return -EFAULT;
    if (how == 2) {
        spin_lock(&tty->lock);
        line_flush_input(&tty->line);
        (void)tty_take_events_locked(tty);
        spin_unlock(&tty->lock);
    }
    if (how >= 1) {
        status_t status = tty_drain(tty);
        if (status != 0)
            return status;
    }
    apply_termios(tty, &termios);
    return 0;
}

static long locked_modes(struct tty *tty, unsigned command, void __user *user) {
    struct abi_termios2 locked = {};
    if (command == TIOCGLCKTRMIOS) {
        spin_lock(&tty->lock);
        locked = tty->locked;
        spin_unlock(&tty->lock);
        return copy_to_user(user, &locked, ABI_TERMIOS_SIZE);
    }
    if (!cred_has_cap(cred_current(), CAP_SYS_ADMIN))
        return -EPERM;
    if (copy_from_user(&locked, user, ABI_TERMIOS_SIZE) != 0)
        return -EFAULT;
    spin_lock(&tty->lock);
    tty->locked = locked;
    spin_unlock(&tty->lock);
    return 0;
}

// --- window size ---

void tty_set_size(struct tty *tty, const struct abi_winsize *size) {
    spin_lock(&tty->lock);
    bool changed = memcmp(&tty->size, size, sizeof(*size)) != 0;
    tty->size = *size;
    int group = tty->group;
    spin_unlock(&tty->lock);
    if (changed && group > 0 && tty_job_ops)
        tty_job_ops->signal_group(group, TTY_SIGWINCH);
}

static long window_size(struct tty *tty, unsigned command, unsigned long argument) {
    struct abi_winsize size;
    if (command == TIOCSWINSZ) {
        if (copy_from_user(&size, (const void __user *)argument, sizeof(size)) != 0)
            return -EFAULT;
        tty_set_size(tty, &size);
        return 0;
    }
    spin_lock(&tty->lock);
    size = tty->size;
    spin_unlock(&tty->lock);
    return copy_to_user((void __user *)argument, &size, sizeof(size));
}

// --- flow ---

static long flow(struct tty *tty, unsigned long action) {
    long result = 0;
    spin_lock(&tty->lock);
    switch (action) {
    case TCOOFF:
        line_stop(&tty->line);
        tty->line.stopped_by_call = true;
        break;
    case TCOON:
        if (tty->line.stopped_by_call)
            line_start(&tty->line);
        break;
    case TCIOFF:
    case TCION: {
        const uint8_t *c = &tty->line.termios.cc[action == TCIOFF ? VSTOP : VSTART];
        if (*c != 0)
            (void)tty->driver->write(tty, (const char *)c, 1);
        break;
    }
    default:
        result = -EINVAL;
    }
    (void)tty_take_events_locked(tty);
    tty_push_output_locked(tty);
    tty_update_signals_locked(tty);
    spin_unlock(&tty->lock);
    return result;
}

static long flush(struct tty *tty, unsigned long queue) {
    if (queue > TCIOFLUSH)
        return -EINVAL;
    spin_lock(&tty->lock);
    if (queue != TCOFLUSH)
        line_flush_input(&tty->line);
    if (queue != TCIFLUSH)
        line_flush_output(&tty->line);
    (void)tty_take_events_locked(tty);
    wait_queue_wake_all(&tty->writers);
    tty_update_signals_locked(tty);
    spin_unlock(&tty->lock);
    return 0;
}

static void set_break(struct tty *tty, bool on) {
    spin_lock(&tty->lock);
    if (tty->driver->set_break)
        tty->driver->set_break(tty, on);
    spin_unlock(&tty->lock);
}

static long send_break(struct tty *tty, nsec_t duration) {
    status_t status = tty_drain(tty);
    if (status != 0 || duration == 0 || !tty->driver->set_break)
        return status;
    set_break(tty, true);
    status = thread_sleep_until(clock_now() + duration, WAIT_INTERRUPTIBLE);
    set_break(tty, false);
    return status == -EINTR ? -EINTR : 0;
}

static long counts(struct tty *tty, unsigned command, unsigned long argument) {
    const uint8_t *text;
    spin_lock(&tty->lock);
    size_t size;
    if (command == TIOCINQ)
        size = line_readable(&tty->line);
    else
        size = line_output(&tty->line, &text) + (tty->driver->pending ? tty->driver->pending(tty) : 0);
    spin_unlock(&tty->lock);
    return put_user((int32_t)size, (int32_t __user *)argument);
}

// --- modem lines ---

static long modem(struct tty *tty, unsigned command, unsigned long argument) {
    int32_t bits;
    if (command == TIOCMGET) {
        if (!tty->driver->get_modem)
            return -ENOTTY;
        spin_lock(&tty->lock);
        bits = tty->driver->get_modem(tty);
        spin_unlock(&tty->lock);
        return put_user(bits, (int32_t __user *)argument);
    }
    if (!tty->driver->set_modem)
        return -ENOTTY;
    if (get_user(bits, (int32_t __user *)argument) != 0)
        return -EFAULT;
    spin_lock(&tty->lock);
    tty->driver->set_modem(tty, command == TIOCMBIC ? 0 : bits,
                           command == TIOCMBIC   ? bits
                           : command == TIOCMSET ? ~bits
                                                 : 0);
    spin_unlock(&tty->lock);
    return 0;
}

static long soft_carrier(struct tty *tty, unsigned command, unsigned long argument) {
    int32_t on;
    if (command == TIOCGSOFTCAR)
        return put_user(tty_termios(tty)->cflag & CLOCAL ? 1 : 0, (int32_t __user *)argument);
    if (get_user(on, (int32_t __user *)argument) != 0)
        return -EFAULT;
    spin_lock(&tty->lock);
    tty->line.termios.cflag = (tty->line.termios.cflag & ~(uint32_t)CLOCAL) | (on ? CLOCAL : 0);
    spin_unlock(&tty->lock);
    return 0;
}

// --- the rest ---

static long fake_input(struct tty *tty, unsigned long argument) {
    uint8_t c;
    if (job_flags_current() & JOB_NO_SIGNALS)
        return -EPERM; // whoever reads the terminal may be outside of the job
    if (!tty_is_controlling(tty) && !cred_has_cap(cred_current(), CAP_SYS_ADMIN))
        return -EPERM;
    if (get_user(c, (uint8_t __user *)argument) != 0)
        return -EFAULT;
    tty_input(tty, &c, 1);
    return 0;
}

static long set_exclusive(struct tty *tty, bool on) {
    spin_lock(&tty->lock);
    tty->exclusive = on;
    spin_unlock(&tty->lock);
    return 0;
}

static long is_exclusive(struct tty *tty, int32_t __user *to) {
    spin_lock(&tty->lock);
    int32_t on = tty->exclusive;
    spin_unlock(&tty->lock);
    return put_user(on, to);
}

static long discipline(unsigned command, unsigned long argument) {
    int32_t number = 0; // N_TTY
    if (command == TIOCGETD)
        return put_user(number, (int32_t __user *)argument);
    if (get_user(number, (int32_t __user *)argument) != 0)
        return -EFAULT;
    return number == 0 ? 0 : -EINVAL;
}

long tty_mode_ioctl(struct tty *tty, unsigned command, unsigned long argument, bool master) {
    switch (command) {
    case TCGETS:
        return get_termios(tty, (void __user *)argument, ABI_TERMIOS_SIZE);
    case TCGETS2:
        return get_termios(tty, (void __user *)argument, sizeof(struct abi_termios2));
    case TCGETA:
        return get_termio(tty, (void __user *)argument);
    case TCSETA:
    case TCSETAW:
    case TCSETAF:
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
    case TCSETS2:
    case TCSETSW2:
    case TCSETSF2:
        return set_termios(tty, command, argument, master);
    case TIOCGLCKTRMIOS:
    case TIOCSLCKTRMIOS:
        return locked_modes(tty, command, (void __user *)argument);
    case TIOCGWINSZ:
    case TIOCSWINSZ:
        return window_size(tty, command, argument);
    case TIOCGSOFTCAR:
    case TIOCSSOFTCAR:
        return soft_carrier(tty, command, argument);
    case TIOCGETD:
    case TIOCSETD:
        return discipline(command, argument);
    case TIOCGDEV:
        return put_user(tty->device, (uint32_t __user *)argument);
    case TIOCEXCL:
    case TIOCNXCL:
        return set_exclusive(tty, command == TIOCEXCL);
    case TIOCGEXCL:
        return is_exclusive(tty, (int32_t __user *)argument);
    default:
        return -ENOTTY;
    }
}

// Commands that change the terminal: background groups are stopped first.
static bool needs_foreground(unsigned command) {
    switch (command) {
    case TCSBRK:
    case TCSBRKP:
    case TIOCSBRK:
    case TIOCCBRK:
    case TCXONC:
    case TCFLSH:
        return true;
    default:
        return false;
    }
}

static long vhangup(struct tty *tty) {
    if (!cred_has_cap(cred_current(), CAP_SYS_ADMIN))
        return -EPERM;
    tty_hang_up(tty);
    return 0;
}

static long dispatch(struct tty_file *file, unsigned command, unsigned long argument) {
    struct tty *tty = file->tty;
    switch (command) {
    case TCSBRK:
        return send_break(tty, argument == 0 ? BREAK_TIME : 0);
    case TCSBRKP:
        return send_break(tty, argument == 0 ? BREAK_TIME : (nsec_t)MIN(argument, 600ul) * 100 * 1000 * 1000);
    case TIOCSBRK:
    case TIOCCBRK:
        set_break(tty, command == TIOCSBRK);
        return 0;
    case TCXONC:
        return flow(tty, argument);
    case TCFLSH:
        return flush(tty, argument);
    case TIOCINQ:
    case TIOCOUTQ:
        return counts(tty, command, argument);
    case TIOCSTI:
        return fake_input(tty, argument);
    case TIOCMGET:
    case TIOCMSET:
    case TIOCMBIS:
    case TIOCMBIC:
        return modem(tty, command, argument);
    case TIOCVHANGUP:
        return vhangup(tty);
    default:
        break;
    }
    long result = tty_mode_ioctl(tty, command, argument, false);
    if (result == -ENOTTY)
        result = tty_job_ioctl(tty, file, command, argument);
    if (result == -ENOTTY && tty->driver->ioctl)
        result = tty->driver->ioctl(tty, command, argument);
    return result;
}

long tty_file_ioctl(struct object *object, unsigned command, unsigned long argument) {
    struct tty_file *file = CONTAINER_OF(object, struct tty_file, object);
    if (atomic_load_explicit(&file->hung, memory_order_relaxed))
        return command == TIOCSPGRP ? -ENOTTY : -EIO;
    if (needs_foreground(command)) {
        status_t status = tty_check_job(file->tty, TTY_SIGTTOU);
        if (status != 0)
            return status;
    }
    return dispatch(file, command, argument);
}

# SPDX-License-Identifier: MPL-2.0
name := tty
sources := line.c line_input.c line_output.c line_erase.c tty.c tty_io.c tty_ioctl.c tty_job.c console.c pty.c \
    pty_ioctl.c devpts.c
deps := abi lib arch sched mm object vfs
tests := line

// SPDX-License-Identifier: MPL-2.0
// init: process 1. It mounts what every program expects and then does one of two things:
//
//   - without /etc/tessera/run: root's shell on the console, without a login, started again whenever it exits.
//   `poweroff`,
//     `halt` and `reboot` (SIGUSR2, SIGUSR1, SIGTERM, as busybox sends them) end the machine.
//   - with that file: its text is one shell command. It runs with nothing else on the console, its exit status
//     (0-255, or 128 + the signal that killed it) goes to another serial port, and the machine powers off.
//
// In between, it reaps the orphans that are handed to it, as process 1 must, and supervises the services that the image
// has files for (services.c). All of this waits in one place for signals, which stay blocked otherwise, so nothing can
// slip between a check and a wait.

#include "init_priv.h"
#include "services.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUN_FILE "/etc/tessera/run"
#define RUN_FILE_MAX 65536
#define GRACE_MS 2000

static struct {
    sigset_t watched;
    char command[RUN_FILE_MAX]; // the text of RUN_FILE
    bool one_command;
} init;

static void read_command(void) {
    int fd = open(RUN_FILE, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t size = read(fd, init.command, sizeof init.command - 1);
    close(fd);
    if (size < 0)
        system_log("cannot read " RUN_FILE ": %s", strerror(errno));
    else
        init.one_command = true;
}

static void set_environment(void) {
    setenv("PATH", "/sbin:/bin:/usr/sbin:/usr/bin:/files", 1);
    setenv("HOME", "/root", 1);
    setenv("USER", "root", 1);
    setenv("LOGNAME", "root", 1);
    setenv("TERM", "linux", 0); // tools/run names the real one
}

static void block_signals(void) {
    sigemptyset(&init.watched);
    sigaddset(&init.watched, SIGCHLD);
    sigaddset(&init.watched, SIGUSR1);
    sigaddset(&init.watched, SIGUSR2);
    sigaddset(&init.watched, SIGTERM);
    sigprocmask(SIG_BLOCK, &init.watched, NULL);
}

static pid_t start(void) {
    if (init.one_command)
        return session_start((char *[]){"/bin/sh", "sh", "-c", init.command, NULL}, "/files", true);
    return session_start(NULL, getenv("HOME"), false);
}

static void obey(int signal) {
    if (signal != SIGCHLD)
        services_stop();
    if (signal == SIGUSR1)
        system_shut_down(RB_HALT_SYSTEM, GRACE_MS);
    if (signal == SIGUSR2)
        system_shut_down(RB_POWER_OFF, GRACE_MS);
    if (signal == SIGTERM)
        system_shut_down(RB_AUTOBOOT, GRACE_MS);
}

// Waits until `child` has ended; reaps whoever else ends meanwhile.
static int wait_for(pid_t child) {
    for (;;) {
        int status;
        pid_t pid;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
            if (pid == child)
                return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
            else
                services_ended(pid, status);
        int signal = services_wait(&init.watched);
        if (signal > 0)
            obey(signal);
    }
}

int main(void) {
    if (getpid() != 1) {
        fprintf(stderr, "init: must be process 1\n");
        return 1;
    }
    block_signals();
    set_environment();
    system_prepare();
    read_command();
    services_load();
    pid_t maker = root_start();
    if (maker > 0)
        root_made(wait_for(maker));
    for (;;) {
        pid_t child = start();
        int status = child < 0 ? 126 : wait_for(child);
        if (init.one_command) {
            services_stop();
            session_report(status);
            system_shut_down(RB_POWER_OFF, 0);
        }
        if (status)
            nanosleep(&(struct timespec){.tv_nsec = 500'000'000}, NULL); // a shell that fails at once must not spin
    }
}

// SPDX-License-Identifier: MPL-2.0
// What runs on the console. The child becomes the leader of a new session and takes the console as its controlling
// terminal, so that job control works as after a login.
//
// Linux cannot make /dev/console itself a controlling terminal under its own name, so the real device behind it is
// opened where sysfs names one.

#include "init_priv.h"
#include "services.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static int open_console(void) {
    char path[64] = "/dev/";
    int fd = open("/sys/class/tty/console/active", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        char names[48] = "";
        ssize_t size = read(fd, names, sizeof names - 1);
        close(fd);
        if (size > 0) {
            names[strcspn(names, "\n")] = '\0';
            const char *last = strrchr(names, ' '); // the last one named is where /dev/console leads
            strcat(path, last ? last + 1 : names);
            fd = open(path, O_RDWR | O_NOCTTY);
            if (fd >= 0)
                return fd;
        }
    }
    return open("/dev/console", O_RDWR | O_NOCTTY);
}

// A serial line does not know the size of the window at its other end; tools/run passes it on the kernel command
// line, which reaches us as environment.
static void set_window_size(int fd) {
    const char *columns = getenv("COLUMNS"), *lines = getenv("LINES");
    if (!columns || !lines)
        return;
    struct winsize size = {.ws_col = (unsigned short)atoi(columns), .ws_row = (unsigned short)atoi(lines)};
    if (ioctl(fd, TIOCSWINSZ, &size) < 0)
        system_log("cannot set the window size: %s", strerror(errno));
    unsetenv("COLUMNS"); // the terminal knows it now, and may learn better
    unsetenv("LINES");
}

// The end of a session's leader hangs up the terminal, and what it has not sent yet is lost. So the one command is not
// the leader: we stay, wait for it, and leave when its last byte is out.
static void stay_leader(int terminal) {
    pid_t child = fork();
    if (child == 0)
        return;
    syscall(SYS_close_range, 3, terminal - 1, 0); // init's own: ports and what it keeps for services
    syscall(SYS_close_range, terminal + 1, ~0u, 0);
    signal(SIGINT, SIG_IGN); // what is typed is meant for the command
    signal(SIGQUIT, SIG_IGN);
    signal(SIGTSTP, SIG_IGN);
    int status = 126 << 8;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    tcdrain(terminal);
    _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

// Of the root that we have.
static void shell_of_root(char path[PATH_MAX]) {
    strcpy(path, "/bin/sh");
    FILE *accounts = fopen("/etc/passwd", "re");
    for (struct passwd *account; accounts && (account = fgetpwent(accounts));) {
        if (account->pw_uid != 0 || !*account->pw_shell || strlen(account->pw_shell) >= PATH_MAX)
            continue;
        strcpy(path, account->pw_shell);
        break;
    }
    if (accounts)
        fclose(accounts);
}

static void become_login_shell(char *shell) {
    char name[NAME_MAX + 2] = "-";
    strncat(name, strrchr(shell, '/') ? strrchr(shell, '/') + 1 : shell, NAME_MAX);
    execl(shell, name, NULL);
}

[[noreturn]] static void run_child(char *const argv[], const char *directory, bool stay) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    int fd = open_console();
    if (fd < 0) {
        system_log("cannot open the console: %s", strerror(errno));
        _exit(126);
    }
    if (ioctl(fd, TIOCSCTTY, 1) < 0)
        system_log("cannot take the console as controlling terminal: %s", strerror(errno));
    set_window_size(fd);
    services_equip_console();
    unsetenv("REPORT"); // ours (session_report), not the command's
    if (stay)
        stay_leader(fd);
    for (int i = 0; i < 3; i++)
        dup2(fd, i);
    if (fd > 2)
        close(fd);
    root_enter();
    if (chdir(directory) < 0 && chdir("/") < 0)
        system_log("cannot enter %s: %s", directory, strerror(errno));
    char shell[PATH_MAX];
    shell_of_root(shell);
    setenv("SHELL", shell, 1);
    if (argv)
        execv(argv[0], argv + 1);
    else
        become_login_shell(shell);
    system_log("cannot run %s: %s", argv ? argv[0] : shell, strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
}

pid_t session_start(char *const argv[], const char *directory, bool stay) {
    pid_t child = fork();
    if (child == 0)
        run_child(argv, directory, stay);
    if (child < 0)
        system_log("cannot fork: %s", strerror(errno));
    return child;
}

void session_report(int status) {
    const char *path = getenv("REPORT"); // a word of the kernel command line, on machines without a second port
    path = path ? path : "/dev/ttyS1";
    int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        system_log("cannot report status %d on %s: %s", status, path, strerror(errno));
        return;
    }
    dprintf(fd, "%d\n", status);
    tcdrain(fd);
    close(fd);
}

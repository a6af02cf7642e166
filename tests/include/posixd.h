// SPDX-License-Identifier: MPL-2.0
// System V IPC is served by posixd on Tessera: a test that needs it starts one if there is none. The program lies
// beside the folder of the tests.
#pragma once

#include "sys.h"

#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

UNUSED static bool posixd_serves(void) {
    return msgget(0x7e55e4a, 0) >= 0 || errno != ENOSYS;
}

// The new server's process id; 0: there is one already; -1: it does not start.
UNUSED static pid_t start_posixd(void) {
    if (posixd_serves())
        return 0;
    char path[256];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 16);
    char *slash = size < 0 ? NULL : (path[size] = '\0', strrchr(path, '/'));
    if (!slash)
        return -1;
    strcpy(slash, "/../posixd");
    pid_t child = start_child(execl(path, path, NULL); _exit(127));
    return eventually(posixd_serves() || waitpid(child, NULL, WNOHANG) == child) && posixd_serves() ? child : -1;
}

UNUSED static void stop_posixd(pid_t server) {
    if (server <= 0)
        return;
    kill(server, SIGKILL);
    wait_status(server);
    // The kernel forgets a dead server when its family is next asked for something.
    posixd_serves();
    semget(0x7e55e4a, 0, 0);
}

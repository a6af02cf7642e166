// SPDX-License-Identifier: MPL-2.0
// stopped NAME [stubborn]: a service that says on the console when it is told to stop, and how long the machine has run
// then; a stubborn one says so and stays.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <tessera/server.h>
#include <tessera/time.h>
#include <unistd.h>

int main(int argc, char **argv) {
    sigset_t term;
    int signal;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    tessera_ready();
    do {
        sigwait(&term, &signal);
        int console = open("/dev/console", O_WRONLY | O_NOCTTY);
        dprintf(console, "# stopping %s %lld\n", argc > 1 ? argv[1] : "?", (long long)(deadline_now() / 1'000'000));
        close(console);
    } while (argc > 2 && strcmp(argv[2], "stubborn") == 0);
    return 0;
}

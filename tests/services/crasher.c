// SPDX-License-Identifier: MPL-2.0
// A service that reads from address 8 when it is started the first and the second time, and then is well, if it
// cannot make a process that its limits forbid.
#include <errno.h>
#include <tessera/handle.h>
#include <tessera/server.h>
#include <unistd.h>

[[gnu::noinline]] static int fall(volatile int *nowhere) {
    return nowhere[2];
}

// On ARM64 the caller of a function that calls none is in a register alone, and not in the record: so here is one more.
[[gnu::noinline]] static int stumble(void) {
    return fall(NULL) + 1; // not as its last act: the record shall have us, too
}

int main(void) {
    int memory = handle_named("starts"), starts = 0;
    if (pread(memory, &starts, sizeof starts, 0) != sizeof starts)
        return 1;
    starts++;
    if (pwrite(memory, &starts, sizeof starts, 0) != sizeof starts)
        return 1;
    if (starts <= 2)
        return stumble() + 1;
    pid_t child = fork(); // its file allows one thread
    if (child >= 0 || errno != EAGAIN)
        return 2;
    tessera_ready();
    for (;;)
        pause();
}

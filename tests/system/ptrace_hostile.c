// SPDX-License-Identifier: MPL-2.0
// ptrace: random requests, and tracers and tracees that are killed at any moment. Nothing may hang, and nothing may be
// left behind.
#include "trace.h"

#include <pthread.h>
#include <sys/mman.h>

static unsigned long seed;
static unsigned long any(unsigned long below) {
    seed = seed * 6364136223846793005ul + 1442695040888963407ul;
    return (seed >> 33) % below;
}

static const int requests[] = {PTRACE_PEEKTEXT,
                               PTRACE_PEEKUSER,
                               PTRACE_POKEUSER,
                               PTRACE_CONT,
                               PTRACE_KILL,
                               PTRACE_SINGLESTEP,
                               PTRACE_GETREGS,
                               PTRACE_SETREGS,
                               PTRACE_GETFPREGS,
                               PTRACE_SETFPREGS,
                               PTRACE_ATTACH,
                               PTRACE_DETACH,
                               PTRACE_SYSCALL,
                               PTRACE_SETOPTIONS,
                               PTRACE_GETSIGINFO,
                               PTRACE_SETSIGINFO,
                               PTRACE_GETREGSET,
                               PTRACE_SETREGSET,
                               PTRACE_SEIZE,
                               PTRACE_INTERRUPT,
                               PTRACE_LISTEN,
                               PTRACE_GETSIGMASK,
                               PTRACE_SETSIGMASK,
                               PTRACE_CONT,
                               PTRACE_SINGLESTEP,
                               PTRACE_SYSCALL,
                               PTRACE_CONT,
                               0x420e,
                               0x4209,
                               PTRACE_GETEVENTMSG};

static void *spin(void *unused) {
    for (;;)
        getppid();
    return unused;
}

// Forks, threads, execs, faults and stops.
static void live(void) {
    signal(SIGCHLD, SIG_IGN);
    for (unsigned i = 0;; i++) {
        pthread_t thread;
        char *exit[] = {"/proc/self/exe", "exit", NULL};
        switch (any(8)) {
        case 0:
            if (fork() == 0)
                _exit(0);
            break;
        case 1:
            if (i < 20)
                pthread_create(&thread, NULL, spin, NULL);
            break;
        case 2:
            if (vfork() == 0)
                execv(exit[0], exit);
            break;
        case 3:
            raise(SIGUSR1);
            break;
        case 4:
            raise(SIGTSTP);
            break;
        case 5:
            if (i > 30)
                execv(exit[0], exit);
            break;
        default:
            sched_yield();
        }
    }
}

// A page of bytes that any request may read or write, or an address that is none.
static unsigned long argument(char *page) {
    switch (any(6)) {
    case 0:
        return any(70);
    case 1:
        return seed;
    case 2: {
        uint64_t *iov = (uint64_t *)page;
        iov[0] = (uint64_t)page + 64;
        iov[1] = any(1000) * 4;
        return (unsigned long)page;
    }
    case 3:
        return any(2) ? NT_PRSTATUS : NT_PRFPREG;
    default:
        for (unsigned i = 0; i < 4096; i += 8)
            *(uint64_t *)(page + i) = any(3) ? any(1000) : seed;
        return (unsigned long)page;
    }
}

static void torment(pid_t pid) {
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    trace(any(2) ? PTRACE_SEIZE : PTRACE_ATTACH, pid, 0, 0);
    for (int i = 0; i < 400; i++) {
        pid_t who = any(4) ? pid : pid + (pid_t)any(4);
        if (who == getpid() || who == getppid())
            who = pid;
        if (any(3) == 0) {
            int status;
            pid_t got = waitpid(-1, &status, WNOHANG | __WALL);
            if (got > 0 && WIFSTOPPED(status))
                trace(any(3) ? PTRACE_CONT : PTRACE_SYSCALL, got, 0, any(2) ? WSTOPSIG(status) & 0x7f : 0);
            continue;
        }
        int request = requests[any(COUNT(requests))];
        unsigned long address = any(2) ? argument(page) : any(2) ? NT_PRSTATUS : 8;
        // Options may not ask for more than that tracees end with the tracer.
        trace(request, who, request == PTRACE_SEIZE ? 0 : address,
              request == PTRACE_SETOPTIONS || request == PTRACE_SEIZE ? any(128) | PTRACE_O_EXITKILL : argument(page));
    }
}

static void rounds(int count) {
    for (int i = 0; i < count; i++) {
        pid_t victim = start_child({
            setpgid(0, 0);
            seed += 77;
            live();
        });
        setpgid(victim, victim);
        pid_t tracer = start_child({
            setpgid(0, 0);
            torment(victim);
        });
        setpgid(tracer, tracer);
        seed += i * 1000003;
        sleep_ms((int)any(20));
        if (any(2))
            kill(tracer, SIGKILL);
        else
            kill(-victim, SIGKILL);
        sleep_ms((int)any(5));
        kill(-tracer, SIGKILL);
        kill(-victim, SIGKILL);
        kill(victim, SIGKILL);
        wait_status(tracer);
        wait_status(victim);
    }
}

int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "exit"))
        return 0;
    seed = (unsigned long)now_ns();
    printf("# seed %lu\n", seed);
    int before = open_fd_count();
    rounds(30);
    is(open_fd_count(), before, "30 tracers and their victims are gone");
    fails(waitpid(-1, NULL, __WALL), ECHILD, "and nobody is left");
    return tap_done();
}

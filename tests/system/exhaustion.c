// SPDX-License-Identifier: MPL-2.0
// Running out: of descriptors, processes, threads, memory, mappings. An errno each time, nothing lost, and room again
// after.
#include "sys.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

static void limit(int what, rlim_t value) {
    setrlimit(what, &(struct rlimit){value, value});
}

static void descriptors(void) {
    exited(in_child({
               syscall(SYS_close_range, 3, ~0u, 0);
               limit(RLIMIT_NOFILE, 64);
               int count = open_fd_count();
               bool good = true;
               for (int round = 0; round < 3; round++) {
                   int opened = 0;
                   int pair[2];
                   while (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0)
                       opened += 2;
                   good &= errno == EMFILE;
                   while (epoll_create1(0) >= 0)
                       opened++;
                   good &= errno == EMFILE && eventfd(0, 0) == -1 && errno == EMFILE && opened + count == 64;
                   for (int fd = 63; fd > 2; fd--)
                       close(fd);
                   good &= open_fd_count() == count;
               }
               _exit(!good);
           }),
           0, "descriptors run out with EMFILE, three times over");
}

static void processes(void) {
    if (!is_root()) {
        skip("needs root", "processes run out");
        return;
    }
    exited(in_child({
               limit(RLIMIT_NPROC, 50);
               syscall(SYS_setuid, 4242);
               bool good = true;
               for (int round = 0; round < 3; round++) {
                   pid_t pids[60];
                   int made = 0;
                   while (made < 60 && (pids[made] = start_child(for (;;) pause())) > 0)
                       made++;
                   good &= made == 49 && errno == EAGAIN;
                   for (int i = 0; i < made; i++)
                       kill(pids[i], SIGKILL);
                   for (int i = 0; i < made; i++)
                       good &= wait_status(pids[i]) == SIGKILL;
               }
               _exit(!good);
           }),
           0, "processes run out with EAGAIN, three times over");
}

static void *sleeper(void *gate) {
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}
static void threads(void) {
    if (!is_root()) {
        skip("needs root", "threads run out");
        return;
    }
    exited(in_child({
               limit(RLIMIT_NPROC, 40);
               syscall(SYS_setuid, 4243);
               static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
               bool good = true;
               for (int round = 0; round < 3; round++) {
                   pthread_t made[60];
                   int count = 0;
                   pthread_mutex_lock(&gate);
                   int error = 0;
                   while (count < 60 && (error = pthread_create(&made[count], NULL, sleeper, &gate)) == 0)
                       count++;
                   good &= error == EAGAIN && count == 39;
                   pthread_mutex_unlock(&gate);
                   for (int i = 0; i < count; i++)
                       pthread_join(made[i], NULL);
                   good &= eventually(our_threads().all == 1); // who was joined counts until it has left
               }
               _exit(!good);
           }),
           0, "threads run out with EAGAIN, three times over");
}

static void mappings(void) {
    exited(in_child({
               bool good = true;
               size_t room = 70000 * 8192ul;
               char *area = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
               int count = 0;
               while (count < 70000 && mprotect(area + count * 8192ul, 4096, PROT_READ) == 0)
                   count++;
               good &= count > 1000 && (count == 70000 || errno == ENOMEM);
               good &= munmap(area, room) == 0;
               good &= mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
               _exit(!good);
           }),
           0, "mappings run out with ENOMEM, if at all");
    exited(in_child({
               limit(RLIMIT_AS, 128 << 20);
               long taken = 0;
               char *memory;
               while ((memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) !=
                      MAP_FAILED) {
                   memset(memory, 1, 1 << 20);
                   taken++;
               }
               _exit(!(errno == ENOMEM && taken > 50 && taken <= 128));
           }),
           0, "address space runs out with ENOMEM");
}

// A child takes all memory there is: it dies or is refused, and we go on.
static void memory(void) {
    if (!on_tessera() && access("/etc/tessera", F_OK) < 0) {
        skip("not on a machine that others use", "memory runs out");
        return;
    }
    for (int round = 0; round < 2; round++) {
        int status = in_child({
            FILE *f = fopen("/proc/self/oom_score_adj", "w");
            if (f) {
                fputs("1000", f);
                fclose(f);
            }
            for (;;) {
                char *m = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                if (m == MAP_FAILED)
                    _exit(0);
                for (size_t i = 0; i < 4 << 20; i += 4096)
                    m[i] = 1;
            }
        });
        ok((WIFSIGNALED(status) &&
            (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGBUS || WTERMSIG(status) == SIGSEGV)) ||
               WIFEXITED(status),
           "a process takes all memory, and dies or is refused (%#x)", status);
        exited(in_child(memset(malloc(8 << 20), 1, 8 << 20)), 0, "there is memory again");
    }
}

int main(void) {
    descriptors();
    processes();
    threads();
    mappings();
    memory();
    return tap_done();
}

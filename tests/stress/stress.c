// SPDX-License-Identifier: MPL-2.0
// stress: loads that must leave the machine as they found it.
//
//   stress exec N          N times fork + exec + wait, over two workers
//   stress hackbench S     for S seconds: groups of senders and receivers, each sender to each receiver, over sockets
//                          and pipes, by processes and by threads
//
// A fifth of the load comes first, so that the kernel's caches (stacks, slabs, pages of each CPU) are as full as they
// get. Before and after the load proper, free memory (/proc/meminfo) and, on Tessera, the counters of live objects are
// compared: TAP.
#include "sys.h"

#include <pthread.h>
#include <sys/socket.h>

#define GROUP 8     // senders, and receivers, of a group
#define MESSAGES 50 // from each sender to each receiver in a round
#define SIZE 100

static char before[4096];

static long free_kib(void) {
    char *text = get_file("/proc/meminfo"), *at = text ? strstr(text, "MemFree:") : NULL;
    return at ? atol(at + 8) : 0;
}

static long remember(void) {
    char *leaks = get_file("/proc/tessera/leaks");
    snprintf(before, sizeof before, "%s", leaks ? leaks : "");
    return free_kib();
}

// The value of a counter in the text of /proc/tessera/leaks; 0 if it is not there (nothing of the kind ever lived).
static long counter(const char *text, const char *name) {
    size_t size = strlen(name);
    for (const char *at = text; at && *at; at = strchr(at, '\n'), at += at != NULL)
        if (!strncmp(at, name, size) && at[size] == ' ')
            return atol(at + size);
    return 0;
}

// Does any counter stand higher than before? Our own first touches of a few pages are no leak.
static bool grown(const char *now) {
    char name[64];
    long value;
    bool more = false;
    for (const char *at = now; at && sscanf(at, "%63s %ld", name, &value) == 2; at = strchr(at, '\n'), at += at != NULL)
        more |= value > counter(before, name) + (strcmp(name, "user_pages") ? 0 : 8);
    return more;
}

static void compare(long free_before) {
    long now = 0;
    // What is freed later gets its time; slabs that are half full at one time and not at another make a little.
    bool memory = eventually((now = free_kib()) > free_before - 1024);
    ok(memory, "free memory is where it was (%ld KiB before, %ld after)", free_before, now);
    if (on_tessera()) {
        char *leaks = NULL;
        bool same = eventually((leaks = get_file("/proc/tessera/leaks")) && !grown(leaks));
        if (!ok(same, "the counters of live objects are where they were"))
            printf("# before:\n%s\n# after:\n%s\n", before, leaks ? leaks : "");
    }
}

static bool exec_loop(int count) {
    bool good = true;
    pid_t workers[2];
    for (int w = 0; w < 2; w++)
        workers[w] = start_child({
            for (int i = w; i < count; i += 2) {
                int status = in_child(execl("/proc/self/exe", "stress", "nothing", NULL));
                if (!WIFEXITED(status) || WEXITSTATUS(status))
                    _exit(1);
            }
        });
    for (int w = 0; w < 2; w++)
        good &= wait_status(workers[w]) == 0;
    return good;
}

struct link {
    int in, out;
};
static void send_all(struct link *links) {
    char message[SIZE] = "m";
    for (int i = 0; i < MESSAGES; i++)
        for (int r = 0; r < GROUP; r++)
            for (int done = 0; done < SIZE;) {
                ssize_t n = write(links[r].out, message + done, SIZE - done);
                if (n <= 0)
                    _exit(1);
                done += (int)n;
            }
}
static void receive_all(struct link *link) {
    char data[SIZE];
    for (long left = (long)GROUP * MESSAGES * SIZE; left > 0;) {
        ssize_t n = read(link->in, data, left < SIZE ? left : SIZE);
        if (n <= 0)
            _exit(1);
        left -= n;
    }
}
static void *send_thread(void *links) {
    send_all(links);
    return NULL;
}
static void *receive_thread(void *link) {
    receive_all(link);
    return NULL;
}

static bool group(bool sockets, bool threads) {
    struct link links[GROUP];
    for (int i = 0; i < GROUP; i++) {
        int ends[2];
        if (sockets ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : pipe(ends))
            return false;
        links[i] = (struct link){ends[0], ends[1]};
    }
    bool good = true;
    if (threads) {
        pthread_t workers[2 * GROUP];
        for (int i = 0; i < GROUP; i++) {
            good &= !pthread_create(&workers[2 * i], NULL, receive_thread, &links[i]);
            good &= !pthread_create(&workers[2 * i + 1], NULL, send_thread, links);
        }
        for (int i = 0; good && i < 2 * GROUP; i++)
            pthread_join(workers[i], NULL);
    } else {
        pid_t workers[2 * GROUP];
        for (int i = 0; i < GROUP; i++) {
            workers[2 * i] = start_child(receive_all(&links[i]));
            workers[2 * i + 1] = start_child(send_all(links));
        }
        for (int i = 0; i < 2 * GROUP; i++)
            good &= workers[i] > 0 && wait_status(workers[i]) == 0;
    }
    for (int i = 0; i < GROUP; i++)
        close(links[i].in), close(links[i].out);
    return good;
}

// The number of rounds; 0 if one failed.
static int hackbench(int seconds) {
    bool good = true;
    int rounds = 0;
    for (int64_t end = now_ns() + seconds * 1'000'000'000LL; good && now_ns() < end; rounds++)
        good = wait_status(start_child(_exit(!group(rounds & 1, rounds & 2)))) == 0;
    return good ? rounds : 0;
}

int main(int argc, char **argv) {
    if (argc == 2)
        return 0;
    if (argc != 3) {
        fprintf(stderr, "usage: stress exec COUNT | hackbench SECONDS\n");
        return 2;
    }
    bool exec = !strcmp(argv[1], "exec");
    int amount = atoi(argv[2]), first = amount / 5 + 1;
    ok(exec ? exec_loop(first) : hackbench(first), "the caches are full");
    long free_before = remember();
    if (exec) {
        ok(exec_loop(amount), "%d times fork, exec, wait", amount);
    } else {
        int rounds = hackbench(amount);
        ok(rounds > 0, "%d rounds of %d messages in %d s", rounds, GROUP * GROUP * MESSAGES, amount);
    }
    compare(free_before);
    return tap_done();
}

// SPDX-License-Identifier: MPL-2.0
// What one thread did before it told another is seen by the other, whichever way it was told; and no wake-up is lost.
//
//   weak_memory [SECONDS]     each part a thirteenth of that; without an argument, some rounds, and half a second at
//   most
//
// Each part sends numbers through memory that only the kernel's call orders: the sender stores the number plainly, then
// tells by the call; the receiver, told, loads it plainly. On a processor that orders stores and loads weakly a
// missing barrier in the kernel shows as an old number; a lost wake-up as a hang, which the alarm ends. Four threads of
// work, so that four CPUs are in it.
#include "sys.h"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum { PAIRS = 2, PARTS = 13 }; // a pair is a sender and a receiver

static int64_t seconds; // 0: by rounds
static int64_t part_end;

// Whether to go on with round `i`, of which there are `rounds` in the short run; round 0 or 1 is always run, however
// slow the machine is.
static bool more(uint64_t i, uint64_t rounds) {
    return i <= 1 || ((seconds || i < rounds) && now_ns() < part_end);
}

static void begin_part(void) {
    part_end = now_ns() + (seconds ? seconds * 1'000'000'000 / PARTS : 500'000'000);
    alarm(seconds ? (unsigned)seconds + 30 : 50);
}

// One line of memory between a sender and a receiver. `value` and `more_values` are plain: nothing but the call under
// test orders them.
struct channel {
    _Alignas(128) uint64_t value;
    _Alignas(128) uint64_t more_values[8];
    _Alignas(128) _Atomic uint32_t word;
    _Alignas(128) _Atomic uint64_t wrong, rounds;
    int to[2], back[2]; // descriptors
};
static struct channel *channels; // 2 * PAIRS, shared with children; the second half for sides that need one alone

static void store(struct channel *c, uint64_t n) {
    for (int i = 0; i < 8; i++)
        ((volatile uint64_t *)c->more_values)[i] = n + i;
    *(volatile uint64_t *)&c->value = n;
}

static void check(struct channel *c, uint64_t n) {
    bool good = *(volatile uint64_t *)&c->value == n;
    for (int i = 0; i < 8; i++)
        good &= ((volatile uint64_t *)c->more_values)[i] == n + i;
    c->wrong += !good;
    c->rounds++;
}

typedef void role(struct channel *c);
struct task {
    role *run;
    struct channel *channel;
    pthread_t thread;
};

static void *run_task(void *argument) {
    struct task *task = argument;
    task->run(task->channel);
    return NULL;
}

// PAIRS times both roles at once; says whether every round had the right numbers.
static void run_pairs(const char *what, role *sender, role *receiver) {
    struct task tasks[2 * PAIRS];
    uint64_t wrong = 0, rounds = 0;
    begin_part();
    for (int i = 0; i < 2 * PAIRS; i++) {
        tasks[i] = (struct task){i % 2 ? receiver : sender, &channels[i / 2], 0};
        pthread_create(&tasks[i].thread, NULL, run_task, &tasks[i]);
    }
    for (int i = 0; i < 2 * PAIRS; i++)
        pthread_join(tasks[i].thread, NULL);
    for (int i = 0; i < 2 * PAIRS; i++) {
        wrong += channels[i].wrong;
        rounds += channels[i].rounds;
    }
    ok(wrong == 0 && rounds > 0, "%s: %llu rounds, %llu wrong", what, (unsigned long long)rounds,
       (unsigned long long)wrong);
}

static void fresh_channels(void) {
    memset(channels, 0, 2 * PAIRS * sizeof *channels);
}

static void close_channels(void) {
    for (int i = 0; i < PAIRS; i++)
        close(channels[i].to[0]), close(channels[i].to[1]), close(channels[i].back[0]), close(channels[i].back[1]);
}

// --- futex: numbers go there and back; each side sleeps until the word is its own ---

static void futex_wait_for(struct channel *c, uint32_t until) {
    for (uint32_t now; (now = atomic_load_explicit(&c->word, memory_order_acquire)) != until;)
        syscall(SYS_futex, &c->word, FUTEX_WAIT_PRIVATE, now, NULL);
}

static void futex_tell(struct channel *c, uint32_t value) {
    atomic_store_explicit(&c->word, value, memory_order_release);
    syscall(SYS_futex, &c->word, FUTEX_WAKE_PRIVATE, 1);
}

static void futex_sender(struct channel *c) {
    uint32_t n = 0;
    for (; more(n, 3000); n++) {
        store(c, n);
        futex_tell(c, 2 * n + 1);
        futex_wait_for(c, 2 * n + 2);
    }
    futex_tell(c, ~0u);
}

static void futex_receiver(struct channel *c) {
    for (uint32_t n = 0;; n++) {
        uint32_t now;
        while ((now = atomic_load_explicit(&c->word, memory_order_acquire)) != 2 * n + 1 && now != ~0u)
            syscall(SYS_futex, &c->word, FUTEX_WAIT_PRIVATE, now, NULL);
        if (now == ~0u)
            return;
        check(c, n);
        futex_tell(c, 2 * n + 2);
    }
}

// --- a byte through a pipe or socket, and one back ---

static void byte_sender(struct channel *c) {
    uint64_t n = 0;
    for (char byte; more(n, 3000); n++) {
        store(c, n);
        if (write(c->to[1], "x", 1) != 1 || read(c->back[0], &byte, 1) != 1)
            break;
    }
    shutdown(c->to[1], SHUT_WR);
    close(c->to[1]);
    c->to[1] = -1;
}

static void byte_receiver(struct channel *c) {
    char byte;
    for (uint64_t n = 0; read(c->to[0], &byte, 1) == 1; n++) {
        check(c, n);
        if (write(c->back[1], "y", 1) != 1)
            break;
    }
}

static void pipes(void) {
    fresh_channels();
    for (int i = 0; i < PAIRS; i++)
        if (pipe(channels[i].to) || pipe(channels[i].back))
            ok(false, "pipe");
    run_pairs("through pipes", byte_sender, byte_receiver);
    close_channels();
}

static void streams(void) {
    fresh_channels();
    for (int i = 0; i < PAIRS; i++)
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, channels[i].to) || pipe(channels[i].back))
            ok(false, "socketpair");
    run_pairs("through stream sockets", byte_sender, byte_receiver);
    close_channels();
}

// --- datagrams: as many as fit, then poll for room ---

static void datagram_sender(struct channel *c) {
    char text[2000] = "";
    for (uint64_t n = 0;; n++) {
        bool last = !more(n, 10000);
        memcpy(text, &n, 8);
        text[8] = last;
        while (send(c->to[1], text, sizeof text, MSG_DONTWAIT) < 0) {
            struct pollfd room = {.fd = c->to[1], .events = POLLOUT};
            if (errno != EAGAIN || poll(&room, 1, 30000) != 1) { // 30 s: readiness was lost
                c->wrong++;
                return;
            }
        }
        if (last)
            return;
    }
}

static void datagram_receiver(struct channel *c) {
    char text[2000];
    uint64_t n = 0, got;
    do {
        if (recv(c->to[0], text, sizeof text, 0) != sizeof text)
            break;
        memcpy(&got, text, 8);
        c->wrong += got != n++;
        c->rounds++;
    } while (!text[8]);
}

static void datagrams(void) {
    fresh_channels();
    for (int i = 0; i < PAIRS; i++)
        if (socketpair(AF_UNIX, SOCK_DGRAM, 0, channels[i].to) || pipe(channels[i].back))
            ok(false, "socketpair");
    run_pairs("datagrams and poll", datagram_sender, datagram_receiver);
    close_channels();
}

// --- eventfd and edge-triggered epoll: an edge that is lost is a hang ---

static void event_sender(struct channel *c) {
    uint64_t n = 0, one = 1, got;
    for (; more(n, 3000); n++) {
        store(c, n);
        if (write(c->to[0], &one, 8) != 8 || read(c->back[0], &got, 8) != 8)
            break;
    }
    one = 1000;
    (void)!write(c->to[0], &one, 8);
}

static void event_receiver(struct channel *c) {
    int set = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    epoll_ctl(set, EPOLL_CTL_ADD, c->to[0], &event);
    for (uint64_t n = 0, count, one = 1; epoll_wait(set, &event, 1, 20000) == 1; n++) {
        if (read(c->to[0], &count, 8) != 8 || count >= 1000)
            break;
        check(c, n);
        (void)!write(c->back[0], &one, 8);
    }
    close(set);
}

static void events(void) {
    fresh_channels();
    for (int i = 0; i < PAIRS; i++) {
        channels[i].to[0] = eventfd(0, EFD_NONBLOCK), channels[i].back[0] = eventfd(0, 0);
        channels[i].to[1] = channels[i].back[1] = -1;
    }
    run_pairs("eventfd and edge-triggered epoll", event_sender, event_receiver);
    close_channels();
}

// --- signals: a thread is told while it sleeps (even rounds) or runs (odd ones) ---

static __thread struct channel *mine;
static __thread volatile uint64_t handled;

static void on_usr1(int signal) {
    (void)signal;
    check(mine, handled);
    handled++;
}

// The signal is blocked but in ppoll, and while it spins: none comes between a look and the sleep.
static void signal_receiver(struct channel *c) {
    sigset_t none, usr1 = signal_set(SIGUSR1, 0);
    struct pollfd end = {.fd = c->to[0]};
    sigemptyset(&none);
    sigprocmask(SIG_BLOCK, &usr1, NULL);
    mine = c;
    handled = 0;
    atomic_store(&c->word, (uint32_t)gettid());
    for (uint64_t answered = 0; !end.revents; answered++) {
        if (answered % 2) {
            sigprocmask(SIG_UNBLOCK, &usr1, NULL);
            for (uint32_t spins = 0; handled == answered; spins++)
                if (spins % 65536 == 0 && poll(&end, 1, 0) == 1)
                    return;
            sigprocmask(SIG_BLOCK, &usr1, NULL);
        } else if (ppoll(&end, 1, NULL, &none) == 1) {
            return;
        }
        c->wrong += handled != answered + 1;
        if (write(c->back[1], "y", 1) != 1)
            return;
    }
}

static void signal_sender(struct channel *c) {
    char byte;
    uint32_t thread;
    while ((thread = atomic_load(&c->word)) == 0)
        sched_yield();
    for (uint64_t n = 0; more(n, 2000); n++) {
        store(c, n);
        syscall(SYS_tgkill, getpid(), thread, SIGUSR1);
        if (read(c->back[0], &byte, 1) != 1)
            break;
    }
    close(c->to[1]); // hangs up
    c->to[1] = -1;
}

static void signals(void) {
    fresh_channels();
    on_signal(SIGUSR1, on_usr1, 0);
    for (int i = 0; i < PAIRS; i++)
        if (pipe(channels[i].to) || pipe(channels[i].back))
            ok(false, "pipe");
    run_pairs("by signals", signal_sender, signal_receiver);
    close_channels();
}

// --- fork, exit, wait ---

static void fork_parent(struct channel *c) {
    for (uint64_t n = 0; more(n, 150); n++) {
        store(c, n);
        pid_t child = fork();
        if (child == 0) {
            check(c, n);
            store(c, n + 1000);
            _exit((int)(n % 100));
        }
        int status = wait_status(child);
        check(c, n + 1000);
        c->wrong += !WIFEXITED(status) || WEXITSTATUS(status) != (int)(n % 100);
    }
}

static void other_fork_parent(struct channel *c) {
    fork_parent(c + PAIRS);
}

static void forks(void) {
    fresh_channels();
    run_pairs("fork, exit and wait", fork_parent, other_fork_parent);
}

// --- copy-on-write: while forks take the write right away again and again, no thread reads an old copy ---

static uint64_t *cow_page; // private
static _Atomic bool cow_stop;

static void cow_writer(struct channel *c) { // counts up in private memory, says so in shared memory
    for (uint64_t n = 1; !cow_stop; n++) {
        atomic_store_explicit((_Atomic uint64_t *)&cow_page[(c - channels) * 16], n, memory_order_release);
        atomic_store_explicit((_Atomic uint64_t *)&c->value, n, memory_order_release);
    }
}

static void cow_reader(struct channel *c) {
    while (!cow_stop) {
        uint64_t told = atomic_load_explicit((_Atomic uint64_t *)&c->value, memory_order_acquire);
        uint64_t seen = atomic_load_explicit((_Atomic uint64_t *)&cow_page[(c - channels) * 16], memory_order_relaxed);
        c->wrong += seen < told;
        c->rounds++;
    }
}

static void *cow_forker(void *argument) {
    for (uint64_t n = 0; more(n, 1000); n++)
        in_child(_exit(0));
    cow_stop = true;
    return argument;
}

static void copies(void) {
    pthread_t forker;
    fresh_channels();
    cow_stop = false;
    cow_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    begin_part();
    pthread_create(&forker, NULL, cow_forker, NULL);
    run_pairs("writing while forks share the page", cow_writer, cow_reader);
    pthread_join(forker, NULL);
    munmap(cow_page, 4096);
}

// --- membarrier: the barrier of one thread serves two ---

static struct {
    _Alignas(128) _Atomic uint32_t x;
    _Alignas(128) _Atomic uint32_t y;
    _Alignas(128) _Atomic uint32_t go, seen_x, done;
    _Atomic bool stop;
} dekker;

static void *light_side(void *argument) { // a store and a load, ordered for the compiler alone
    for (uint32_t round = 1;; round++) {
        while (atomic_load_explicit(&dekker.go, memory_order_acquire) != round)
            if (dekker.stop)
                return argument;
        atomic_store_explicit(&dekker.y, round, memory_order_relaxed);
        atomic_signal_fence(memory_order_seq_cst);
        atomic_store_explicit(&dekker.seen_x, atomic_load_explicit(&dekker.x, memory_order_relaxed),
                              memory_order_relaxed);
        atomic_store_explicit(&dekker.done, round, memory_order_release);
    }
}

static void membarriers(void) {
    pthread_t light;
    uint32_t wrong = 0, round = 1;
    begin_part();
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0) != 0) {
        skip("no membarrier here", "one side's membarrier");
        return;
    }
    pthread_create(&light, NULL, light_side, NULL);
    for (; more(round, 2000); round++) {
        atomic_store_explicit(&dekker.go, round, memory_order_release);
        for (volatile uint32_t i = 0; i < round % 64; i++)
            ;
        atomic_store_explicit(&dekker.x, round, memory_order_relaxed);
        syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0);
        uint32_t seen_y = atomic_load_explicit(&dekker.y, memory_order_relaxed);
        while (atomic_load_explicit(&dekker.done, memory_order_acquire) != round)
            sched_yield();
        wrong += seen_y != round && dekker.seen_x != round;
    }
    dekker.stop = true;
    pthread_join(light, NULL);
    ok(wrong == 0, "one side's membarrier orders both: %u rounds, %u wrong", round, wrong);
}

// The side that ends a part begins when the other is at work: with one CPU it would be done before.
static void await_partner(struct channel *c) {
    while (!atomic_load(&c->rounds))
        sched_yield();
}

// --- descriptors that come and go: a look-up finds the right file or none ---

static void descriptor_changer(struct channel *c) {
    await_partner(c);
    for (uint64_t n = 0; more(n, 3000); n++) {
        dup2(c->back[0], c->to[1]);
        if (n % 3 == 0)
            close(c->to[1]);
        dup2(c->back[1], c->to[1]);
    }
    atomic_store(&c->word, 1);
}

static void descriptor_user(struct channel *c) {
    while (!atomic_load(&c->word)) {
        char byte = 0;
        ssize_t got = pread(c->to[1], &byte, 1, 0);
        c->wrong += got == 1 ? byte != 'a' && byte != 'b' : errno != EBADF;
        c->rounds++;
    }
}

static void descriptors(void) {
    fresh_channels();
    for (int i = 0; i < PAIRS; i++) {
        put_file("a", "a"), put_file("b", "b");
        channels[i].back[0] = open("a", O_RDONLY), channels[i].back[1] = open("b", O_RDONLY);
        channels[i].to[0] = open("a", O_RDONLY), channels[i].to[1] = dup(channels[i].to[0]);
    }
    run_pairs("descriptors closed and replaced in use", descriptor_changer, descriptor_user);
    close_channels();
}

// --- names: what is replaced by rename is there at every moment ---

static void name_changer(struct channel *c) {
    await_partner(c);
    char name[32], fresh[32];
    snprintf(name, sizeof name, "name%d", (int)(c - channels));
    snprintf(fresh, sizeof fresh, "fresh%d", (int)(c - channels));
    for (uint64_t n = 0; more(n, 500); n++)
        c->wrong += !put_file(fresh, "text") || rename(fresh, name) != 0;
    atomic_store(&c->word, 1);
}

static void name_user(struct channel *c) {
    char name[32];
    snprintf(name, sizeof name, "name%d", (int)(c - channels));
    while (!atomic_load(&c->word)) {
        struct stat info;
        c->wrong += stat(name, &info) != 0 || info.st_size != 4;
        c->rounds++;
    }
}

static void names(void) {
    fresh_channels();
    put_file("name0", "text"), put_file("name1", "text");
    run_pairs("names replaced by rename", name_changer, name_user);
}

// --- mappings: taken away and made anew while others fault them in ---

static void mapper(struct channel *c) {
    for (uint64_t n = 1; more(n, 1500); n++) {
        uint64_t *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        c->wrong += page[0] != 0 || page[512] != 0; // nobody's old memory
        page[0] = page[512] = n;
        mprotect(page, 4096, PROT_READ);
        c->wrong += page[0] != n;
        mprotect(page, 4096, PROT_READ | PROT_WRITE);
        page[0]++;
        c->wrong += page[0] != n + 1 || page[512] != n;
        munmap(page, 8192);
        c->rounds++;
    }
}

static void mappings(void) {
    fresh_channels();
    run_pairs("memory mapped, protected, unmapped", mapper, mapper);
}

// --- mappings that go while they are being populated: their tables go with them ---

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

// Far from anything else, so that a table serves one mapping.
static void *place_of(struct channel *c) {
    return (void *)(0x2000'0000'0000 + ((uintptr_t)(c - channels) << 32));
}

static void unmapper(struct channel *c) {
    for (uint64_t n = 0; more(n, 1500); n++) {
        void *at = mmap(place_of(c), 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        c->wrong += at != place_of(c) || munmap(at, 65536) != 0;
        c->rounds++;
    }
    atomic_store(&c->word, 1);
}

static void populator(struct channel *c) {
    while (!atomic_load(&c->word))
        c->wrong += madvise(place_of(c), 65536, MADV_POPULATE_WRITE) != 0 && errno != ENOMEM && errno != EFAULT;
}

static void populated(void) {
    fresh_channels();
    run_pairs("memory unmapped while it is populated", unmapper, populator);
}

int main(int count, char **words) {
    seconds = count > 1 ? atoi(words[1]) : 0;
    channels = mmap(NULL, 2 * PAIRS * sizeof *channels, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    enter_temp_dir();
    on_signal(SIGPIPE, SIG_IGN, 0);
    fresh_channels();
    run_pairs("by futex", futex_sender, futex_receiver);
    pipes();
    streams();
    datagrams();
    events();
    signals();
    forks();
    copies();
    membarriers();
    descriptors();
    names();
    mappings();
    populated();
    return tap_done();
}

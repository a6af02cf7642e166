// SPDX-License-Identifier: MPL-2.0
// Exception ports: faults of a thread or a process as calls to a port; its answer decides.
#include "native.h"

#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>

static struct packet in;

static struct fipc_fault *next_fault(int port) {
    if (fipc_recv(port, &in, PACKET_ROOM, in_ms(30000)) != 0)
        return NULL;
    return in.header.flags == (FIPC_CALL | FIPC_NOTE) && in.header.type == FIPC_NOTE_FAULT ? (void *)in.data : NULL;
}
static long answer(uint32_t type, uint32_t size) {
    in.header = (struct fipc_message){.type = type, .size = size};
    return fipc_reply(&in);
}

static void decisions(void) {
    int port = port_create(NULL), right = mint(port, 11, 0);
    volatile int *nowhere = (int *)0x1000;
    pid_t child = start_child({
        close(port);
        exception_port_set(-1, right);
        *nowhere = 1;
    });
    struct fipc_fault *fault = next_fault(port);
    ok(fault && in.header.badge == 11, "a fault comes as a call");
    ok(fault && fault->process == child && fault->thread == child && fault->signal == SIGSEGV &&
           fault->code == SEGV_MAPERR && fault->address == 0x1000 && fault->pc && fault->sp,
       "that says all about it");
    is(answer(FIPC_FAULT_SIGNAL, 0), 0, "let it be a signal");
    killed(wait_status(child), SIGSEGV, "which it dies of");

    child = start_child({
        close(port);
        exception_port_set(-1, right);
        *nowhere = 1;
    });
    next_fault(port);
    answer(FIPC_FAULT_KILL, 0);
    killed(wait_status(child), SIGKILL, "kill it");

    child = start_child({
        close(port);
        exception_port_set(-1, right);
        close(right);
        *nowhere = 1;
    });
    next_fault(port);
    in.header.size = 0;
    fails(fipc_recv(port, &in, PACKET_ROOM, 0), EAGAIN, "receive again without an answer");
    killed(wait_status(child), SIGSEGV, "then it is a signal");

    child = start_child({
        exception_port_set(-1, right);
        exception_port_set(-1, -1);
        *nowhere = 1;
    });
    killed(wait_status(child), SIGSEGV, "a port that was taken away is not asked");
    close(port);
    child = start_child({
        exception_port_set(-1, right);
        *nowhere = 1;
    });
    killed(wait_status(child), SIGSEGV, "nor one that is closed");
    close(right);
}

// A load of one byte by an instruction of known size.
#ifdef __x86_64__
#define LOAD_SIZE 2
static void load_byte(volatile char *from) {
    __asm__ volatile("movb (%%rax), %%al" : "+a"(from)::"memory");
}
#else
#define LOAD_SIZE 4
static void load_byte(volatile char *from) {
    __asm__ volatile("ldrb w9, [%0]" ::"r"(from) : "x9", "memory");
}
#endif

// The debugger moves the program counter past a load that cannot be done.
static void resume(void) {
    int port = port_create(NULL), right = mint(port, 0, 0);
    char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pid_t child = start_child({
        volatile char *p = page;
        close(port);
        on_signal(SIGSEGV, SIG_IGN, 0);
        exception_port_set(-1, right);
        load_byte(p);
        _exit(7);
    });
    struct fipc_fault *fault = next_fault(port);
    ok(fault && fault->address == (uintptr_t)page && fault->code == SEGV_ACCERR, "a page that may not be read");
    if (fault)
        fault->pc += LOAD_SIZE;
    is(answer(FIPC_FAULT_RESUME, sizeof(struct fipc_fault)), 0, "go on behind it");
    exited(wait_status(child), 7, "and it does");
    close(port), close(right);
}

static void *faulting_thread(void *tid) {
    *(_Atomic int *)tid = (int)syscall(SYS_gettid);
    while (*(_Atomic int *)tid > 0)
        sched_yield();
    *(volatile int *)0x2000 = 1;
    return NULL;
}

static void threads(void) {
    int port = port_create(NULL), right = mint(port, 5, 0);
    int task_port = port_create(NULL), task_right = mint(task_port, 6, 0);
    pid_t child = start_child({
        close(port), close(task_port);
        _Atomic int tid = 0;
        pthread_t thread;
        pthread_create(&thread, NULL, faulting_thread, &tid);
        while (tid == 0)
            sched_yield();
        int handle = (int)syscall(NATIVE_thread_open, tid, 0);
        if (handle < 0 || exception_port_set(handle, right) != 0 || exception_port_set(-1, task_right) != 0)
            _exit(1);
        tid = -1;
        struct pollfd p = {.fd = handle, .events = POLLIN};
        poll(&p, 1, 30000);
        _exit(2);
    });
    struct fipc_fault *fault = next_fault(port);
    ok(fault && fault->address == 0x2000 && fault->thread != fault->process, "the thread's port is asked first");
    answer(FIPC_FAULT_SIGNAL, 0);
    fault = next_fault(task_port);
    ok(fault && in.header.badge == 6, "then the task's");
    answer(FIPC_FAULT_SIGNAL, 0);
    killed(wait_status(child), SIGSEGV, "and then it is a signal");
    close(port), close(right), close(task_port), close(task_right);

    int self = (int)syscall(NATIVE_thread_open, 0, 0);
    struct handle_info info;
    ok(handle_info(self, &info) == 0 && !strcmp(info.name, "thread"), "a thread's handle");
    struct wait_entry entry = {.handle = self, .wanted = 0x10000};
    fails(object_wait(&entry, 1, 0), ETIMEDOUT, "it has not ended");
    close(self);
    fails(syscall(NATIVE_thread_open, 4'000'000, 0), ESRCH, "no such thread");
}

// An ordinary program, set up by its parent before exec.
static void over_exec(void) {
    int port = port_create(NULL), right = mint(port, 0, 0);
    pid_t child = start_child({
        exception_port_set(-1, right);
        execl("/proc/self/exe", "native_faults", "crash", NULL);
        _exit(1);
    });
    struct fipc_fault *fault = next_fault(port);
    ok(fault && fault->address == 0x3000, "the port stays over exec");
    answer(FIPC_FAULT_SIGNAL, 0);
    killed(wait_status(child), SIGSEGV, "it crashes");
    close(port), close(right);
}

int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "crash"))
        return *(volatile int *)0x3000;
    needs_native();
    decisions();
    resume();
    threads();
    over_exec();
    return tap_done();
}

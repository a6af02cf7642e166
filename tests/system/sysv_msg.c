// SPDX-License-Identifier: MPL-2.0
// System V message queues; and, on Tessera, the death of their server.
#include "posixd.h"

#ifndef MSG_COPY // musl has no name for it
#define MSG_COPY 040000
#endif

struct text {
    long type;
    char text[8192];
};
static struct text out, in;

static int send_text(int queue, long type, const char *text, int flags) {
    out.type = type;
    strcpy(out.text, text);
    return msgsnd(queue, &out, strlen(text) + 1, flags);
}
// The text of the next message of the type.
static const char *next(int queue, long type, int flags) {
    in.type = 0;
    in.text[0] = '\0';
    return msgrcv(queue, &in, sizeof in.text, type, flags | IPC_NOWAIT) < 0 ? NULL : in.text;
}

static void keys(void) {
    key_t key = 0x51ab0000 + getpid();
    fails(msgget(key, 0600), ENOENT, "no queue of this key");
    int queue = msgget(key, IPC_CREAT | 0600);
    ok(queue >= 0, "a queue is made");
    is(msgget(key, 0), queue, "the key leads to it");
    is(msgget(key, IPC_CREAT | 0600), queue, "IPC_CREAT finds it");
    fails(msgget(key, IPC_CREAT | IPC_EXCL | 0600), EEXIST, "IPC_EXCL refuses");
    int one = msgget(IPC_PRIVATE, 0600), two = msgget(IPC_PRIVATE, 0600);
    ok(one >= 0 && two >= 0 && one != two && one != queue, "IPC_PRIVATE always makes one");
    is(msgctl(queue, IPC_RMID, NULL), 0, "removed");
    fails(msgctl(queue, IPC_RMID, NULL), EINVAL, "its id means nothing any more");
    fails(msgget(key, 0), ENOENT, "nor does the key");
    fails(send_text(queue, 1, "x", 0), EINVAL, "nor can one send");
    msgctl(one, IPC_RMID, NULL);
    msgctl(two, IPC_RMID, NULL);
}

static void types(void) {
    int queue = msgget(IPC_PRIVATE, 0600);
    send_text(queue, 5, "five", 0);
    send_text(queue, 3, "three", 0);
    send_text(queue, 3, "three again", 0);
    send_text(queue, 9, "nine", 0);
    ok(same_text(next(queue, 3, 0), "three") && in.type == 3, "the first of a type");
    ok(same_text(next(queue, -4, 0), "three again"), "the lowest type up to 4");
    fails(msgrcv(queue, &in, 10, -4, IPC_NOWAIT), ENOMSG, "there is no other");
    ok(same_text(next(queue, 5, MSG_EXCEPT), "nine"), "any but type 5");
    is(msgrcv(queue, &in, sizeof in.text, 0, MSG_COPY | IPC_NOWAIT), 5, "a copy of the first");
    fails(msgrcv(queue, &in, sizeof in.text, 1, MSG_COPY | IPC_NOWAIT), ENOMSG, "there is no second");
    fails(msgrcv(queue, &in, sizeof in.text, 0, MSG_COPY), EINVAL, "MSG_COPY does not wait");
    fails(msgrcv(queue, &in, 2, 0, IPC_NOWAIT), E2BIG, "too little room");
    is(msgrcv(queue, &in, 2, 0, IPC_NOWAIT | MSG_NOERROR), 2, "MSG_NOERROR cuts it short");
    ok(!memcmp(in.text, "fi", 2) && in.type == 5, "to its beginning");
    ok(!next(queue, 0, 0) && errno == ENOMSG, "the queue is empty");
    fails(send_text(queue, 0, "x", 0), EINVAL, "types are positive");
    fails(msgsnd(queue, &out, 8193, 0), EINVAL, "a text has at most 8192 bytes");
    fails(msgsnd(queue, (void *)8, 1, 0), EFAULT, "a bad address");
    out.type = 1;
    memset(out.text, 'z', sizeof out.text);
    is(msgsnd(queue, &out, 8192, 0), 0, "8192 bytes are sent");
    memset(&in, 0, sizeof in);
    is(msgrcv(queue, &in, 8192, 0, 0), 8192, "and received");
    ok(!memcmp(&in, &out, sizeof in), "unchanged");
    is(msgsnd(queue, &out, 0, 0), 0, "an empty text");
    is(msgrcv(queue, &in, 8192, 0, 0), 0, "is received as such");
    msgctl(queue, IPC_RMID, NULL);
}

static void limits(void) {
    struct msqid_ds state;
    int queue = msgget(IPC_PRIVATE, 0640);
    time_t before = time(NULL) - 1;
    is(msgctl(queue, IPC_STAT, &state), 0, "IPC_STAT");
    ok(state.msg_qnum == 0 && state.msg_lspid == 0 && state.msg_stime == 0 && state.msg_ctime >= before, "new");
    is(state.msg_perm.mode & 0777, 0640, "the mode");
    ok(state.msg_perm.uid == geteuid() && state.msg_perm.cgid == getegid(), "the owner");
    state.msg_qbytes = 20;
    state.msg_perm.mode = 0600;
    is(msgctl(queue, IPC_SET, &state), 0, "IPC_SET");
    is(send_text(queue, 1, "123456789", 0), 0, "10 of 20 bytes");
    is(send_text(queue, 1, "123456789", 0), 0, "20 of 20 bytes");
    fails(send_text(queue, 1, "", IPC_NOWAIT), EAGAIN, "it is full");
    is(msgctl(queue, IPC_STAT, &state), 0, "IPC_STAT");
    ok(state.msg_qnum == 2 && state.msg_qbytes == 20 && state.msg_lspid == getpid() && state.msg_stime >= before &&
           (state.msg_perm.mode & 0777) == 0600,
       "tells of it");
    fails(msgctl(queue, IPC_STAT, (void *)8), EFAULT, "a bad address");
    fails(msgctl(queue, 77, &state), EINVAL, "no such command");
    msgctl(queue, IPC_RMID, NULL);
}

static void waiting(void) {
    int queue = msgget(IPC_PRIVATE, 0600), status;
    pid_t receiver = start_child(_exit(msgrcv(queue, &in, 100, 7, 0) != 3 || in.type != 7 || strcmp(in.text, "hi")));
    ok(sleeps(receiver), "a receiver waits");
    send_text(queue, 6, "no", 0);
    sleep_ms(10);
    is(waitpid(receiver, &status, WNOHANG), 0, "not for this type");
    send_text(queue, 7, "hi", 0);
    exited(wait_status(receiver), 0, "but for this one");
    receiver = start_child(_exit(msgrcv(queue, &in, 1, 8, 0) >= 0 || errno != E2BIG));
    sleeps(receiver);
    send_text(queue, 8, "long", 0);
    exited(wait_status(receiver), 0, "a waiting receiver with too little room gets E2BIG");
    struct msqid_ds state;
    msgctl(queue, IPC_STAT, &state);
    state.msg_qbytes = 8; // "no" and "long"
    msgctl(queue, IPC_SET, &state);
    pid_t sender = start_child(_exit(send_text(queue, 9, "abcd", 0)));
    ok(sleeps(sender), "a sender waits for room");
    ok(same_text(next(queue, 8, 0), "long"), "which comes");
    exited(wait_status(sender), 0, "and then sends");
    ok(same_text(next(queue, 9, 0), "abcd"), "its message");
    receiver = start_child(_exit(msgrcv(queue, &in, 1, 8, 0) >= 0 || errno != EIDRM));
    sleeps(receiver);
    msgctl(queue, IPC_RMID, NULL);
    exited(wait_status(receiver), 0, "removal ends a wait with EIDRM");
}

static void nothing(int signal) {
    (void)signal;
}

static void signals(void) {
    int queue = msgget(IPC_PRIVATE, 0600);
    pid_t child = start_child({
        on_signal(SIGUSR1, nothing, SA_RESTART);
        _exit(msgrcv(queue, &in, 100, 0, 0) >= 0 || errno != EINTR);
    });
    sleeps(child);
    kill(child, SIGUSR1);
    exited(wait_status(child), 0, "a handler ends the wait, SA_RESTART or not");
    child = start_child(_exit(msgrcv(queue, &in, 100, 0, 0) != 2));
    sleeps(child);
    kill(child, SIGSTOP);
    ok(eventually(process_state(child) == 'T'), "a receiver is stopped");
    kill(child, SIGCONT);
    ok(sleeps(child), "and waits on afterwards");
    send_text(queue, 1, "x", 0);
    exited(wait_status(child), 0, "for its message");
    child = start_child(msgrcv(queue, &in, 100, 0, 0));
    sleeps(child);
    kill(child, SIGKILL);
    killed(wait_status(child), SIGKILL, "a receiver is killed");
    send_text(queue, 1, "y", 0);
    ok(same_text(next(queue, 0, 0), "y"), "and takes no message along");
    msgctl(queue, IPC_RMID, NULL);
}

// Signals at any moment: every message arrives once.
static void storm(void) {
    enum { MESSAGES = 300 };
    int queue = msgget(IPC_PRIVATE, 0600);
    pid_t child = start_child({
        on_signal(SIGUSR1, nothing, 0);
        long sum = 0;
        for (int got = 0; got < MESSAGES;) {
            if (msgrcv(queue, &in, 100, 0, 0) < 0)
                continue;
            got++;
            sum += in.type;
        }
        _exit(sum != MESSAGES * (MESSAGES + 1L) / 2);
    });
    sleeps(child);
    for (int i = 1; i <= MESSAGES; i++) {
        send_text(queue, i, "", 0);
        kill(child, SIGUSR1);
    }
    exited(wait_status(child), 0, "no message is lost or doubled by signals");
    msgctl(queue, IPC_RMID, NULL);
}

static void permissions(void) {
    if (!is_root()) {
        skip("needs root", "permissions");
        return;
    }
    int queue = msgget(0x51ac0000 + getpid(), IPC_CREAT | 0604);
    key_t key = 0x51ac0000 + getpid();
    exited(in_child({
               if (setgid(1234) || setuid(1234))
                   _exit(1);
               bool good = msgget(key, 0400) == queue;
               good &= msgget(key, 0200) < 0 && errno == EACCES;
               good &= msgsnd(queue, &out, 1, 0) < 0 && errno == EACCES;
               good &= msgrcv(queue, &in, 1, 0, IPC_NOWAIT) < 0 && errno == ENOMSG;
               good &= msgctl(queue, IPC_RMID, NULL) < 0 && errno == EPERM;
               _exit(!good);
           }),
           0, "others may read, not write or remove");
    msgctl(queue, IPC_RMID, NULL);
}

static void server_dies(pid_t *server) {
    if (*server <= 0) {
        skip(on_tessera() ? "the server is not ours" : "Linux has no server", "the server's death");
        return;
    }
    int queue = msgget(IPC_PRIVATE, 0600);
    pid_t child = start_child(_exit(msgrcv(queue, &in, 100, 0, 0) >= 0 || errno != EIDRM));
    sleeps(child);
    kill(*server, SIGKILL);
    wait_status(*server);
    exited(wait_status(child), 0, "who waits is told that the queue is gone");
    fails(msgget(IPC_PRIVATE, 0600), ENOSYS, "without a server");
    *server = start_posixd();
    ok(*server > 0, "a new one");
    bool good = true;
    for (int i = 0; i < 20; i++) {
        pid_t caller = start_child({
            for (int id; (id = msgget(IPC_PRIVATE, 0600)) >= 0;)
                if (msgctl(id, IPC_RMID, NULL) < 0)
                    break;
            _exit(errno != ENOSYS && errno != EIDRM);
        });
        sleep_ms(i % 5 + 1);
        stop_posixd(*server);
        good &= wait_status(caller) == 0;
        *server = start_posixd();
        good &= *server > 0;
    }
    ok(good, "killed in the middle of calls, twenty times: each ends, and a new server serves");
    queue = msgget(IPC_PRIVATE, 0600);
    ok(queue >= 0 && send_text(queue, 1, "again", 0) == 0 && same_text(next(queue, 0, 0), "again"), "as before");
    msgctl(queue, IPC_RMID, NULL);
}

int main(void) {
    pid_t server = on_tessera() ? start_posixd() : 0;
    if (!ok(server >= 0, "the calls are there"))
        return tap_done();
    keys();
    types();
    limits();
    waiting();
    signals();
    storm();
    permissions();
    server_dies(&server);
    stop_posixd(server);
    return tap_done();
}

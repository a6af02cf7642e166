// SPDX-License-Identifier: MPL-2.0
// fcntl(F_NOTIFY): a signal when something happens in a directory.
#include "sys.h"

static volatile sig_atomic_t told, told_fd, told_code;

static void note_signal(int signal, siginfo_t *info, void *context) {
    told++;
    told_fd = info->si_fd;
    told_code = info->si_code;
    (void)signal, (void)context;
}

static long notify(int fd, long events) {
    return fcntl(fd, F_NOTIFY, events);
}
static void touch(const char *name) {
    close(open(name, O_CREAT | O_WRONLY, 0600));
}
// How many signals what was done since has made.
static int news(void) {
    int now = told;
    told = 0;
    return now;
}

int main(void) {
    enter_temp_dir();
    struct sigaction action = {.sa_sigaction = note_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGIO, &action, NULL);
    sigaction(SIGRTMIN, &action, NULL);
    touch("file");
    int folder = open(".", O_RDONLY), file = open("file", O_RDWR);
    fails(notify(file, DN_CREATE), ENOTDIR, "a file is no directory");
    is(notify(folder, DN_CREATE), 0, "new names");
    touch("one");
    is(news(), 1, "are told of");
    touch("two");
    is(news(), 0, "once");
    is(notify(folder, DN_CREATE | DN_DELETE | DN_MULTISHOT), 0, "all that come and go");
    touch("three");
    is(news(), 1, "a name comes");
    unlink("three");
    is(news(), 1, "and goes");
    write(file, "x", 1);
    is(news(), 0, "nothing else is told");
    is(notify(folder, DN_MODIFY | DN_MULTISHOT), 0, "writes, too");
    write(file, "x", 1);
    is(news(), 1, "which are told");
    touch("three");
    is(news(), 1, "beside what was asked for before");
    is(notify(folder, 0), 0, "called off");
    write(file, "x", 1), unlink("three");
    is(news(), 0, "it is quiet");
    is(notify(folder, DN_RENAME | DN_MULTISHOT), 0, "new names for files");
    rename("one", "four");
    is(news(), 1, "are told");
    is(notify(folder, 0), 0, "called off again");
    fcntl(folder, F_SETSIG, SIGRTMIN);
    is(notify(folder, DN_ATTRIB | DN_ACCESS), 0, "with a signal that says more");
    chmod("file", 0640);
    is(news(), 1, "the mode of a file");
    ok(told_fd == folder && told_code == 3 /* POLL_MSG */, "and whose directory it is in");
    is(notify(folder, DN_CREATE | DN_MULTISHOT), 0, "the end");
    close(folder);
    touch("five");
    is(news(), 0, "of the descriptor is the end of it");
    close(file);
    int enabled = open("/proc/sys/fs/dir-notify-enable", O_RDWR);
    char digit = 0;
    ok(enabled >= 0 && read(enabled, &digit, 1) == 1 && digit == '1', "directories can be told to be quiet");
    if (pwrite(enabled, "0\n", 2, 0) == 2) {
        folder = open(".", O_RDONLY);
        fails(notify(folder, DN_CREATE), EINVAL, "all of them");
        is(pwrite(enabled, "1\n", 2, 0), 2, "and to tell again");
        is(notify(folder, DN_CREATE), 0, "what is asked for");
        close(folder);
    } else {
        skip("needs root", "all of them");
    }
    close(enabled);
    return tap_done();
}

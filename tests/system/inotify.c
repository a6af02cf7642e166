// SPDX-License-Identifier: MPL-2.0
// inotify: which events come, in which order, with which names and cookies.
#include "sys.h"
#include <sys/inotify.h>
#include <sys/ioctl.h>

static int queue;
static _Alignas(struct inotify_event) char buffer[8192];
static size_t filled, taken;

// The next event, or NULL if none is queued.
static struct inotify_event *next_event(void) {
    if (taken == filled) {
        ssize_t got = read(queue, buffer, sizeof buffer);
        filled = got > 0 ? (size_t)got : 0;
        taken = 0;
        if (!filled)
            return NULL;
    }
    struct inotify_event *event = (struct inotify_event *)(buffer + taken);
    taken += sizeof *event + event->len;
    return event;
}

// True if the next event is this one. name: NULL for an event of the watched thing itself.
static bool comes(int watch, uint32_t mask, const char *name) {
    struct inotify_event *event = next_event();
    if (!event) {
        printf("# no event, want mask %x\n", mask);
        return false;
    }
    bool good =
        event->wd == watch && event->mask == mask && (name ? event->len && !strcmp(event->name, name) : !event->len);
    if (!good)
        printf("# got watch %d mask %x name %s, want %d %x %s\n", event->wd, event->mask,
               event->len ? event->name : "-", watch, mask, name ? name : "-");
    return good;
}

static void in_folder(void) {
    mkdir("folder", 0755);
    int watch = inotify_add_watch(queue, "folder", IN_ALL_EVENTS);
    ok(watch > 0, "watch a folder");
    ok(!next_event(), "nothing yet");
    int fd = open("folder/file", O_CREAT | O_WRONLY, 0644);
    ok(comes(watch, IN_CREATE, "file"), "IN_CREATE");
    ok(comes(watch, IN_OPEN, "file"), "IN_OPEN");
    write(fd, "x", 1), write(fd, "y", 1);
    ok(comes(watch, IN_MODIFY, "file"), "IN_MODIFY");
    ok(!next_event(), "once: equal events in a row are one");
    fchmod(fd, 0600);
    ok(comes(watch, IN_ATTRIB, "file"), "IN_ATTRIB");
    close(fd);
    ok(comes(watch, IN_CLOSE_WRITE, "file"), "IN_CLOSE_WRITE");
    char c;
    fd = open("folder/file", O_RDONLY), read(fd, &c, 1), close(fd);
    ok(comes(watch, IN_OPEN, "file") && comes(watch, IN_ACCESS, "file") && comes(watch, IN_CLOSE_NOWRITE, "file"),
       "open, read, close");
    mkdir("folder/sub", 0755);
    ok(comes(watch, IN_CREATE | IN_ISDIR, "sub"), "IN_ISDIR");
    rename("folder/file", "folder/other");
    struct inotify_event *event = next_event();
    uint32_t cookie = event ? event->cookie : 0;
    ok(event && event->mask == IN_MOVED_FROM && !strcmp(event->name, "file") && cookie, "IN_MOVED_FROM with a cookie");
    event = next_event();
    ok(event && event->mask == IN_MOVED_TO && !strcmp(event->name, "other") && event->cookie == cookie,
       "IN_MOVED_TO with the same");
    rename("folder/other", "outside");
    ok(comes(watch, IN_MOVED_FROM, "other"), "out of the folder");
    ok(!next_event(), "is all that it sees");
    link("outside", "folder/hard");
    ok(comes(watch, IN_CREATE, "hard"), "a link is a creation");
    unlink("folder/hard"), rmdir("folder/sub");
    ok(comes(watch, IN_DELETE, "hard") && comes(watch, IN_DELETE | IN_ISDIR, "sub"), "IN_DELETE");
    is(rmdir("folder"), 0, "the folder itself");
    ok(comes(watch, IN_DELETE_SELF, NULL) && comes(watch, IN_IGNORED, NULL), "IN_DELETE_SELF, IN_IGNORED");
    fails(inotify_rm_watch(queue, watch), EINVAL, "and the watch is gone");
}

static void of_file(void) {
    put_file("file", "text");
    int watch = inotify_add_watch(queue, "file", IN_MODIFY | IN_MOVE_SELF);
    is(inotify_add_watch(queue, "file", IN_MODIFY | IN_MOVE_SELF), watch, "the same file has one watch");
    truncate("file", 1);
    ok(comes(watch, IN_MODIFY, NULL), "truncate");
    close(open("file", O_RDONLY));
    rename("file", "moved");
    ok(comes(watch, IN_MOVE_SELF, NULL), "IN_MOVE_SELF, and nothing that was not asked for");
    is(inotify_add_watch(queue, "moved", IN_ATTRIB | IN_MASK_ADD), watch, "IN_MASK_ADD");
    chmod("moved", 0640), truncate("moved", 0);
    ok(comes(watch, IN_ATTRIB, NULL) && comes(watch, IN_MODIFY, NULL), "adds");
    is(inotify_rm_watch(queue, watch), 0, "remove it");
    ok(comes(watch, IN_IGNORED, NULL), "IN_IGNORED");
    watch = inotify_add_watch(queue, "moved", IN_MODIFY | IN_ONESHOT);
    truncate("moved", 5);
    ok(comes(watch, IN_MODIFY, NULL) && comes(watch, IN_IGNORED, NULL), "IN_ONESHOT");
    unlink("moved");
    ok(!next_event(), "and no more");
}

static void bad_arguments(void) {
    fails(inotify_add_watch(queue, "missing", IN_MODIFY), ENOENT, "watch nothing");
    fails(inotify_add_watch(queue, ".", 0), EINVAL, "for nothing");
    put_file("file", "");
    fails(inotify_add_watch(queue, "file", IN_MODIFY | IN_ONLYDIR), ENOTDIR, "IN_ONLYDIR");
    fails(inotify_add_watch(0, "file", IN_MODIFY), EINVAL, "a queue that is none");
    fails(inotify_rm_watch(queue, 999), EINVAL, "remove nothing");
    fails(inotify_init1(1), EINVAL, "an unknown flag");
    fails(read(queue, buffer, sizeof buffer), EAGAIN, "an empty queue");
    int watch = inotify_add_watch(queue, "file", IN_ATTRIB);
    chmod("file", 0600);
    fails(read(queue, buffer, 8), EINVAL, "a buffer that is too small");
    int bytes = 0;
    is(ioctl(queue, FIONREAD, &bytes), 0, "FIONREAD");
    is(bytes, sizeof(struct inotify_event), "says how much there is");
    inotify_rm_watch(queue, watch);
}

int main(void) {
    enter_temp_dir();
    queue = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    ok(queue >= 0, "inotify_init1");
    in_folder();
    of_file();
    bad_arguments();
    close(queue);
    return tap_done();
}

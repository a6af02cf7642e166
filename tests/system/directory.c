// SPDX-License-Identifier: MPL-2.0
// Listing folders: everything once, whatever happens meanwhile, and seeking back.
#include "sys.h"

#include <dirent.h>

struct entry {
    uint64_t inode;
    int64_t next;
    unsigned short size;
    unsigned char type;
    char name[];
};

static bool seen[3000];

static int list(const char *path) {
    DIR *dir = opendir(path);
    int count = 0;
    memset(seen, 0, sizeof seen);
    for (struct dirent *e; (e = readdir(dir));) {
        int number;
        count++;
        if (sscanf(e->d_name, "file%d", &number) == 1) {
            if (seen[number])
                count += 10000; // twice
            seen[number] = true;
        }
    }
    closedir(dir);
    return count;
}

static void make(const char *folder, int count) {
    char path[64];
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/file%d", folder, i);
        close(creat(path, 0644));
    }
}

static void listing(void) {
    mkdir("d", 0755);
    is(list("d"), 2, "an empty folder has . and ..");
    make("d", 1000);
    is(list("d"), 1002, "a thousand files, each once");
    mkdir("types", 0755), mkdir("types/dir", 0755), symlink("x", "types/link"), mkfifo("types/fifo", 0600);
    close(creat("types/file", 0644));
    DIR *dir = opendir("types");
    int good = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        char path[300];
        struct stat info;
        snprintf(path, sizeof path, "types/%s", e->d_name);
        lstat(path, &info);
        int type = !strcmp(e->d_name, "link")   ? DT_LNK
                   : !strcmp(e->d_name, "fifo") ? DT_FIFO
                   : !strcmp(e->d_name, "file") ? DT_REG
                                                : DT_DIR;
        good += e->d_type == type && (e->d_ino == info.st_ino);
    }
    closedir(dir);
    is(good, 6, "each with its type and inode number");
}

static void raw(void) {
    int fd = open("d", O_RDONLY | O_DIRECTORY);
    char buffer[4096];
    long size = syscall(SYS_getdents64, fd, buffer, sizeof buffer);
    ok(size > 0, "getdents64");
    bool aligned = true;
    int count = 0;
    for (long at = 0; at < size; count++) {
        struct entry *e = (struct entry *)(buffer + at);
        aligned &= e->size % 8 == 0 && strlen(e->name) + 20 <= e->size;
        at += e->size;
    }
    ok(aligned && count > 20, "whole, aligned entries");
    fails(syscall(SYS_getdents64, fd, buffer, 10), EINVAL, "too little room for one");
    lseek(fd, 0, SEEK_SET);
    int all = 0;
    while ((size = syscall(SYS_getdents64, fd, buffer, 200)) > 0)
        for (long at = 0; at < size; all++)
            at += ((struct entry *)(buffer + at))->size;
    is(all, 1002, "in small pieces");
    is(syscall(SYS_getdents64, fd, buffer, sizeof buffer), 0, "the end stays the end");
    close(fd);
    int file = open("d/file1", O_RDONLY);
    fails(syscall(SYS_getdents64, file, buffer, sizeof buffer), ENOTDIR, "of a file");
    fails(syscall(SYS_getdents64, 999, buffer, sizeof buffer), EBADF, "of nothing");
    close(file);
}

static void seeking(void) {
    DIR *dir = opendir("d");
    for (int i = 0; i < 500; i++)
        readdir(dir);
    long here = telldir(dir);
    char next[256];
    strcpy(next, readdir(dir)->d_name);
    for (int i = 0; i < 100; i++)
        readdir(dir);
    seekdir(dir, here);
    ok(same_text(readdir(dir)->d_name, next), "seekdir goes back to where telldir was");
    rewinddir(dir);
    int count = 0;
    while (readdir(dir))
        count++;
    is(count, 1002, "rewinddir starts over");
    closedir(dir);
}

static void changing(void) {
    make("d", 1000);
    DIR *dir = opendir("d");
    int count = 0, removed = 0;
    memset(seen, 0, sizeof seen);
    for (struct dirent *e; (e = readdir(dir));) {
        int number;
        if (sscanf(e->d_name, "file%d", &number) != 1)
            continue;
        char path[64];
        snprintf(path, sizeof path, "d/file%d", number);
        removed += unlink(path) == 0;
        count++;
    }
    closedir(dir);
    is(count, 1000, "every file is listed although each is removed at once");
    is(removed, 1000, "and can be removed");
    is(list("d"), 2, "the folder is empty then");
    is(rmdir("d"), 0, "and can be removed");
    mkdir("d", 0755);
    make("d", 100);
    dir = opendir("d");
    readdir(dir);
    for (int i = 0; i < 100; i += 2) {
        char path[64];
        snprintf(path, sizeof path, "d/file%d", i);
        unlink(path);
    }
    memset(seen, 0, sizeof seen);
    for (struct dirent *e; (e = readdir(dir));) {
        int number;
        if (sscanf(e->d_name, "file%d", &number) == 1)
            seen[number] = true;
    }
    bool good = true;
    for (int i = 1; i < 100; i += 2)
        good &= seen[i];
    ok(good, "what is not removed while listing is listed");
    closedir(dir);
}

static void removed(void) {
    mkdir("gone", 0755);
    int fd = open("gone", O_RDONLY | O_DIRECTORY);
    rmdir("gone");
    char buffer[512];
    long size = syscall(SYS_getdents64, fd, buffer, sizeof buffer);
    ok(size == 0 || (size == -1 && errno == ENOENT), "a removed folder lists nothing");
    close(fd);
}

int main(void) {
    enter_temp_dir();
    listing();
    raw();
    seeking();
    changing();
    removed();
    return tap_done();
}

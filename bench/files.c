// SPDX-License-Identifier: MPL-2.0
// Rows: files in memory (tmpfs), names, folders.
#define _GNU_SOURCE
#include "bench.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char buffer[4096];

static void make_folder(void) {
    mkdir("/tmp/bench", 0755);
    mkdir("/tmp/bench/d", 0755);
    int fd = must(open("/tmp/bench/file", O_CREAT | O_RDWR | O_TRUNC, 0644));
    for (int i = 0; i < 256; i++)
        must(write(fd, buffer, sizeof buffer));
    close(fd);
}

static void life(long n) {
    make_folder();
    begin();
    for (long i = 0; i < n; i++) {
        int fd = must(open("/tmp/bench/new", O_CREAT | O_RDWR, 0644));
        write(fd, buffer, sizeof buffer);
        lseek(fd, 0, SEEK_SET);
        read(fd, buffer, sizeof buffer);
        close(fd);
        unlink("/tmp/bench/new");
    }
    end();
}

static void read_cached(long n) {
    make_folder();
    int fd = must(open("/tmp/bench/file", O_RDONLY));
    begin();
    for (long i = 0; i < n; i++)
        pread(fd, buffer, sizeof buffer, (i & 255) * 4096);
    end();
    close(fd);
}

static void write_cached(long n) {
    make_folder();
    int fd = must(open("/tmp/bench/file", O_WRONLY));
    begin();
    for (long i = 0; i < n; i++)
        pwrite(fd, buffer, sizeof buffer, (i & 255) * 4096);
    end();
    close(fd);
}

static void stat_path(long n) {
    struct stat info;
    make_folder();
    begin();
    for (long i = 0; i < n; i++)
        stat("/tmp/bench/file", &info);
    end();
}

static void open_close(long n) {
    make_folder();
    begin();
    for (long i = 0; i < n; i++)
        close(open("/tmp/bench/file", O_RDONLY));
    end();
}

static void list(long n) {
    enum { FILES = 500 };
    char path[64];
    make_folder();
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "/tmp/bench/d/file%d", i);
        close(must(open(path, O_CREAT | O_WRONLY, 0644)));
    }
    begin();
    for (long i = 0; i < n / FILES; i++) {
        DIR *dir = opendir("/tmp/bench/d");
        while (readdir(dir))
            ;
        closedir(dir);
    }
    end();
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "/tmp/bench/d/file%d", i);
        unlink(path);
    }
}

const struct row file_rows[] = {
    {"file_life", "create + write + read + unlink 4 KiB", life, 1000},
    {"pread", "pread 4 KiB, cached", read_cached, 5000},
    {"pwrite", "pwrite 4 KiB, cached", write_cached, 5000},
    {"stat", "stat, 3 components", stat_path, 5000},
    {"open_close", "open + close", open_close, 5000},
    {"readdir", "readdir, per entry", list, 10000},
    {NULL},
};

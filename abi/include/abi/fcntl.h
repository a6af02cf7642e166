// SPDX-License-Identifier: MPL-2.0
// Linux's open flags, fcntl commands, AT_, RENAME_, RESOLVE_, FALLOC_, SPLICE_ and mount constants. The few flags
// that differ between architectures come from the port.
#pragma once

#include <lib/types.h>
#include <port/abi.h> // O_DIRECT, O_LARGEFILE, O_DIRECTORY, O_NOFOLLOW; struct abi_stat

enum {
    O_RDONLY = 0,
    O_WRONLY = 1,
    O_RDWR = 2,
    O_ACCMODE = 3,
    O_CREAT = 0100,
    O_EXCL = 0200,
    O_NOCTTY = 0400,
    O_TRUNC = 01000,
    O_APPEND = 02000,
    O_NONBLOCK = 04000,
    O_DSYNC = 010000,
    O_ASYNC = 020000,
    O_NOATIME = 01000000,
    O_CLOEXEC = 02000000,
    O_SYNC = 04010000,
    O_PATH = 010000000,
    O_TMPFILE_ONLY = 020000000, // O_TMPFILE without O_DIRECTORY
};
#define O_TMPFILE (O_TMPFILE_ONLY | O_DIRECTORY)

enum {
    AT_FDCWD = -100,
    AT_SYMLINK_NOFOLLOW = 0x100,
    AT_EACCESS = 0x200,
    AT_REMOVEDIR = 0x200,
    AT_SYMLINK_FOLLOW = 0x400,
    AT_NO_AUTOMOUNT = 0x800,
    AT_EMPTY_PATH = 0x1000,
    AT_STATX_SYNC_TYPE = 0x6000,
};

enum {
    F_DUPFD = 0,
    F_GETFD = 1,
    F_SETFD = 2,
    F_GETFL = 3,
    F_SETFL = 4,
    F_GETLK = 5,
    F_SETLK = 6,
    F_SETLKW = 7,
    F_SETOWN = 8,
    F_GETOWN = 9,
    F_SETSIG = 10,
    F_GETSIG = 11,
    F_SETOWN_EX = 15,
    F_GETOWN_EX = 16,
    F_OFD_GETLK = 36,
    F_OFD_SETLK = 37,
    F_OFD_SETLKW = 38,
    F_SETLEASE = 1024,
    F_GETLEASE = 1025,
    F_NOTIFY = 1026, // with DN_*
    F_DUPFD_QUERY = 1027,
    F_DUPFD_CLOEXEC = 1030,
    F_SETPIPE_SZ = 1031,
    F_GETPIPE_SZ = 1032,
    F_ADD_SEALS = 1033,
    F_GET_SEALS = 1034,
    FD_CLOEXEC = 1,
    F_RDLCK = 0,
    F_WRLCK = 1,
    F_UNLCK = 2,
    F_OWNER_TID = 0,
    F_OWNER_PID = 1,
    F_OWNER_PGRP = 2,
};

// memfd seals.
enum {
    F_SEAL_SEAL = 1,
    F_SEAL_SHRINK = 2,
    F_SEAL_GROW = 4,
    F_SEAL_WRITE = 8,
    F_SEAL_FUTURE_WRITE = 16,
    F_SEAL_EXEC = 32
};

// struct flock of 64-bit Linux.
struct abi_flock {
    int16_t type;
    int16_t whence;
    int32_t pad;
    int64_t start;
    int64_t length;
    int32_t pid;
    int32_t pad2;
};
static_assert(sizeof(struct abi_flock) == 32);

struct abi_owner_ex {
    int32_t type;
    int32_t pid;
};

enum { LOCK_SH = 1, LOCK_EX = 2, LOCK_NB = 4, LOCK_UN = 8 };
enum { SEEK_SET = 0, SEEK_CUR = 1, SEEK_END = 2, SEEK_DATA = 3, SEEK_HOLE = 4 };
enum { RENAME_NOREPLACE = 1, RENAME_EXCHANGE = 2, RENAME_WHITEOUT = 4 };

struct abi_open_how {
    uint64_t flags;
    uint64_t mode;
    uint64_t resolve;
};
static_assert(sizeof(struct abi_open_how) == 24);
enum {
    RESOLVE_NO_XDEV = 1,
    RESOLVE_NO_MAGICLINKS = 2,
    RESOLVE_NO_SYMLINKS = 4,
    RESOLVE_BENEATH = 8,
    RESOLVE_IN_ROOT = 16,
    RESOLVE_CACHED = 32,
};

enum {
    FALLOC_KEEP_SIZE = 1,
    FALLOC_PUNCH_HOLE = 2,
    FALLOC_COLLAPSE_RANGE = 8,
    FALLOC_ZERO_RANGE = 16,
    FALLOC_INSERT_RANGE = 32,
    FALLOC_UNSHARE_RANGE = 64,
};
enum { SPLICE_MOVE = 1, SPLICE_NONBLOCK = 2, SPLICE_MORE = 4, SPLICE_GIFT = 8 };
enum { RWF_HIPRI = 1, RWF_DSYNC = 2, RWF_SYNC = 4, RWF_NOWAIT = 8, RWF_APPEND = 16 };
enum { XATTR_CREATE = 1, XATTR_REPLACE = 2, XATTR_NAME_MAX = 255, XATTR_SIZE_MAX = 65536 };

enum {
    MS_RDONLY = 1,
    MS_NOSUID = 2,
    MS_NODEV = 4,
    MS_NOEXEC = 8,
    MS_SYNCHRONOUS = 16,
    MS_REMOUNT = 32,
    MS_MANDLOCK = 64,
    MS_DIRSYNC = 128,
    MS_NOSYMFOLLOW = 256,
    MS_NOATIME = 1024,
    MS_NODIRATIME = 2048,
    MS_BIND = 4096,
    MS_MOVE = 8192,
    MS_REC = 16384,
    MS_SILENT = 32768,
    MS_UNBINDABLE = 1 << 17,
    MS_PRIVATE = 1 << 18,
    MS_SLAVE = 1 << 19,
    MS_SHARED = 1 << 20,
    MS_RELATIME = 1 << 21,
    MS_STRICTATIME = 1 << 24,
    MS_LAZYTIME = 1 << 25,
};
enum { MNT_FORCE = 1, MNT_DETACH = 2, MNT_EXPIRE = 4, UMOUNT_NOFOLLOW = 8 };

enum { NAME_MAX = 255, PATH_MAX = 4096, PIPE_BUF = 4096, IOV_MAX = 1024 };
enum { R_OK = 4, W_OK = 2, X_OK = 1, F_OK = 0 };

// ioctl commands that every descriptor answers.
enum {
    FIONREAD = 0x541b,
    FIONBIO = 0x5421,
    FIONCLEX = 0x5450,
    FIOCLEX = 0x5451,
    FIOASYNC = 0x5452,
    // Those of sockets that name who gets SIGIO and SIGURG.
    FIOSETOWN = 0x8901,
    SIOCSPGRP = 0x8902,
    FIOGETOWN = 0x8903,
    SIOCGPGRP = 0x8904,
};

// What F_NOTIFY tells of names in a directory.
enum { DN_ACCESS = 1, DN_MODIFY = 2, DN_CREATE = 4, DN_DELETE = 8, DN_RENAME = 16, DN_ATTRIB = 32 };
#define DN_MULTISHOT 0x80000000u // until it is called off

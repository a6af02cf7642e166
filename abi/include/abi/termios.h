// SPDX-License-Identifier: MPL-2.0
// Linux's terminal structures, flags and ioctl numbers (the "generic" set that x86-64 and arm64 share).
#pragma once

#include <lib/types.h>

#define ABI_NCCS 19

struct abi_termios2 {
    uint32_t iflag, oflag, cflag, lflag;
    uint8_t line;
    uint8_t cc[ABI_NCCS];
    uint32_t ispeed, ospeed;
};
static_assert(sizeof(struct abi_termios2) == 44);
#define ABI_TERMIOS_SIZE 36 // struct termios: the same without the speeds
static_assert(offsetof(struct abi_termios2, ispeed) == ABI_TERMIOS_SIZE);

// System V's structure, which TCGETA and TCSETA still pass.
struct abi_termio {
    uint16_t iflag, oflag, cflag, lflag;
    uint8_t line;
    uint8_t cc[8];
};
static_assert(sizeof(struct abi_termio) == 18);

struct abi_winsize {
    uint16_t rows, columns, x_pixels, y_pixels;
};
static_assert(sizeof(struct abi_winsize) == 8);

enum {
    VINTR = 0,
    VQUIT = 1,
    VERASE = 2,
    VKILL = 3,
    VEOF = 4,
    VTIME = 5,
    VMIN = 6,
    VSWTC = 7,
    VSTART = 8,
    VSTOP = 9,
    VSUSP = 10,
    VEOL = 11,
    VREPRINT = 12,
    VDISCARD = 13,
    VWERASE = 14,
    VLNEXT = 15,
    VEOL2 = 16
};

enum { // iflag
    IGNBRK = 0x1,
    BRKINT = 0x2,
    IGNPAR = 0x4,
    PARMRK = 0x8,
    INPCK = 0x10,
    ISTRIP = 0x20,
    INLCR = 0x40,
    IGNCR = 0x80,
    ICRNL = 0x100,
    IUCLC = 0x200,
    IXON = 0x400,
    IXANY = 0x800,
    IXOFF = 0x1000,
    IMAXBEL = 0x2000,
    IUTF8 = 0x4000,
};
enum { // oflag
    OPOST = 0x1,
    OLCUC = 0x2,
    ONLCR = 0x4,
    OCRNL = 0x8,
    ONOCR = 0x10,
    ONLRET = 0x20,
    OFILL = 0x40,
    OFDEL = 0x80,
    TABDLY = 0x1800,
    XTABS = 0x1800,
};
enum { // cflag
    CBAUD = 0x100f,
    B0 = 0,
    B9600 = 0xd,
    B38400 = 0xf,
    CBAUDEX = 0x1000,
    B57600 = 0x1001,
    B115200 = 0x1002,
    BOTHER = 0x1000,
    CSIZE = 0x30,
    CS8 = 0x30,
    CSTOPB = 0x40,
    CREAD = 0x80,
    PARENB = 0x100,
    PARODD = 0x200,
    HUPCL = 0x400,
    CLOCAL = 0x800,
    CIBAUD = 0x100f0000,
};
enum { // lflag
    ISIG = 0x1,
    ICANON = 0x2,
    XCASE = 0x4,
    ECHO = 0x8,
    ECHOE = 0x10,
    ECHOK = 0x20,
    ECHONL = 0x40,
    NOFLSH = 0x80,
    TOSTOP = 0x100,
    ECHOCTL = 0x200,
    ECHOPRT = 0x400,
    ECHOKE = 0x800,
    FLUSHO = 0x1000,
    PENDIN = 0x4000,
    IEXTEN = 0x8000,
    EXTPROC = 0x10000,
};

enum : uint32_t {
    TCGETS = 0x5401,
    TCSETS = 0x5402,
    TCSETSW = 0x5403,
    TCSETSF = 0x5404,
    TCGETA = 0x5405,
    TCSETA = 0x5406,
    TCSETAW = 0x5407,
    TCSETAF = 0x5408,
    TCSBRK = 0x5409,
    TCXONC = 0x540a,
    TCFLSH = 0x540b,
    TIOCEXCL = 0x540c,
    TIOCNXCL = 0x540d,
    TIOCSCTTY = 0x540e,
    TIOCGPGRP = 0x540f,
    TIOCSPGRP = 0x5410,
    TIOCOUTQ = 0x5411,
    TIOCSTI = 0x5412,
    TIOCGWINSZ = 0x5413,
    TIOCSWINSZ = 0x5414,
    TIOCMGET = 0x5415,
    TIOCMBIS = 0x5416,
    TIOCMBIC = 0x5417,
    TIOCMSET = 0x5418,
    TIOCGSOFTCAR = 0x5419,
    TIOCSSOFTCAR = 0x541a,
    TIOCINQ = 0x541b,
    TIOCCONS = 0x541d,
    TIOCPKT = 0x5420,
    TIOCNOTTY = 0x5422,
    TIOCSETD = 0x5423,
    TIOCGETD = 0x5424,
    TCSBRKP = 0x5425,
    TIOCSBRK = 0x5427,
    TIOCCBRK = 0x5428,
    TIOCGSID = 0x5429,
    TIOCVHANGUP = 0x5437,
    TIOCGPTPEER = 0x5441,
    TCGETS2 = 0x802c542a,
    TCSETS2 = 0x402c542b,
    TCSETSW2 = 0x402c542c,
    TCSETSF2 = 0x402c542d,
    TIOCGPTN = 0x80045430,
    TIOCSPTLCK = 0x40045431,
    TIOCGDEV = 0x80045432,
    TIOCGLCKTRMIOS = 0x5456,
    TIOCSLCKTRMIOS = 0x5457,
    TIOCSIG = 0x40045436,
    TIOCGPKT = 0x80045438,
    TIOCGPTLCK = 0x80045439,
    TIOCGEXCL = 0x80045440,
};
enum { TCOOFF = 0, TCOON = 1, TCIOFF = 2, TCION = 3 };
enum { TCIFLUSH = 0, TCOFLUSH = 1, TCIOFLUSH = 2 };
enum {
    TIOCPKT_DATA = 0,
    TIOCPKT_FLUSHREAD = 1,
    TIOCPKT_FLUSHWRITE = 2,
    TIOCPKT_STOP = 4,
    TIOCPKT_START = 8,
    TIOCPKT_NOSTOP = 16,
    TIOCPKT_DOSTOP = 32,
    TIOCPKT_IOCTL = 64
};
enum { TIOCM_DTR = 2, TIOCM_RTS = 4, TIOCM_CTS = 0x20, TIOCM_CAR = 0x40, TIOCM_DSR = 0x100 };

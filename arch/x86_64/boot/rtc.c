// SPDX-License-Identifier: MPL-2.0
// The battery clock (CMOS), read once.

#include "boot/port_io.h"
#include <arch/time.h>
#include <lib/log.h>

enum {
    REG_SECONDS = 0,
    REG_MINUTES = 2,
    REG_HOURS = 4,
    REG_DAY = 7,
    REG_MONTH = 8,
    REG_YEAR = 9,
    REG_A = 10,
    REG_B = 11
};
enum { A_UPDATING = 0x80, B_24_HOURS = 2, B_BINARY = 4, HOURS_PM = 0x80 };

struct reading {
    unsigned second, minute, hour, day, month, year;
};

static uint8_t cmos_read(uint8_t reg) {
    outb(0x70, reg | 0x80); // NMI off meanwhile
    uint8_t value = inb(0x71);
    outb(0x70, 0);
    return value;
}

static struct reading read_registers(void) {
    for (int i = 0; i < 10000 && (cmos_read(REG_A) & A_UPDATING); i++)
        continue;
    return (struct reading){cmos_read(REG_SECONDS), cmos_read(REG_MINUTES), cmos_read(REG_HOURS),
                            cmos_read(REG_DAY),     cmos_read(REG_MONTH),   cmos_read(REG_YEAR)};
}

static bool same(const struct reading *a, const struct reading *b) {
    return a->second == b->second && a->minute == b->minute && a->hour == b->hour && a->day == b->day &&
           a->month == b->month && a->year == b->year;
}

static unsigned from_bcd(unsigned value) {
    return (value >> 4) * 10 + (value & 15);
}

// Days from 1970-01-01 to a date of the Gregorian calendar; years counted from March put the leap day last.
static int64_t days_since_1970(unsigned year, unsigned month, unsigned day) {
    unsigned y = month <= 2 ? year - 1 : year;
    unsigned m = month <= 2 ? month + 9 : month - 3;
    unsigned day_of_year = (153 * m + 2) / 5 + day - 1;
    int64_t days = (int64_t)y * 365 + y / 4 - y / 100 + y / 400 + day_of_year;
    return days - 719468; // of 1970-01-01, counted so
}

int64_t arch_rtc_read(void) {
    struct reading now = read_registers(), again = read_registers();
    for (int i = 0; i < 5 && !same(&now, &again); i++) { // it changed in between
        now = again;
        again = read_registers();
    }
    uint8_t mode = cmos_read(REG_B);
    bool pm = (now.hour & HOURS_PM) != 0 && !(mode & B_24_HOURS);
    now.hour &= ~(unsigned)HOURS_PM;
    if (!(mode & B_BINARY)) {
        now = (struct reading){from_bcd(now.second), from_bcd(now.minute), from_bcd(now.hour),
                               from_bcd(now.day),    from_bcd(now.month),  from_bcd(now.year)};
    }
    if (!(mode & B_24_HOURS))
        now.hour = now.hour % 12 + (pm ? 12 : 0);
    if (now.month < 1 || now.month > 12 || now.day < 1 || now.day > 31 || now.hour > 23 || now.minute > 59) {
        klog(LOG_NOTICE, "rtc: none, or it holds no date: the clock starts in 1970");
        return 0;
    }
    unsigned year = now.year + (now.year < 70 ? 2000 : 1900);
    return ((days_since_1970(year, now.month, now.day) * 24 + now.hour) * 60 + now.minute) * 60 + now.second;
}

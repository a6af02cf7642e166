// SPDX-License-Identifier: MPL-2.0
// What the files of rows share. A row does its preparation, then calls begin(), does `n` operations, calls end().
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

struct row {
    const char *name;  // for --only
    const char *title; // for the table
    void (*run)(long n);
    long count;   // operations in one measurement
    double scale; // the result is divided by this: operations that one of the n stands for; 0 means 1
};

// Around the timed part.
void begin(void);
void end(void);

// Ends the program with a message when a call that cannot fail does.
long must_(long result, const char *what);
#define must(call) must_((long)(call), #call)

// Binds this process to CPU 0, so that two of them take turns.
void on_one_cpu(void);

extern const struct row call_rows[], process_rows[], memory_rows[], file_rows[], message_rows[], ipc_rows[],
    ring_rows[]; // end: name is NULL

// SPDX-License-Identifier: MPL-2.0
// What the files of rows share. A row does its preparation, then calls begin(), does `n` operations, calls end().
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

// What a row needs to be run; else it is left out.
enum { TESSERA = 1, TWO_CPUS = 2 };

struct row {
    const char *name;  // for --only
    const char *title; // for the table
    void (*run)(long n);
    long count;     // operations in one measurement
    double scale;   // the result is divided by this: operations that one of the n stands for; 0 means 1
    unsigned needs; // TESSERA, TWO_CPUS
};

// Around the timed part. Both mark the place for the plugin that counts instructions (tools/insn-count.c).
void begin(void);
void end(void);

// Ends the program with a message when a call that cannot fail does.
long must_(long result, const char *what);
#define must(call) must_((long)(call), #call)

// Binds this process to a CPU; two on the same one take turns.
void on_cpu(int cpu);

// The end: name is NULL.
extern const struct row call_rows[], process_rows[], memory_rows[], file_rows[], message_rows[], exchange_rows[],
    ipc_rows[], ring_rows[];

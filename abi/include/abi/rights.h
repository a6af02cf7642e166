// SPDX-License-Identifier: MPL-2.0
// Rights of a handle. Every call says which it needs; rights only ever shrink.
#pragma once

enum rights {
    RIGHT_READ = 1,
    RIGHT_WRITE = 2,
    RIGHT_EXEC = 4,
    RIGHT_MAP = 8,
    RIGHT_SEND = 16,
    RIGHT_RECEIVE = 32,
    RIGHT_DUPLICATE = 64,
    RIGHT_TRANSFER = 128,
    RIGHT_WAIT = 256,
    RIGHT_SIGNAL = 512,
    RIGHT_ADMIN = 1024, // change the object itself
    RIGHT_PATH = 2048,  // O_PATH: the name only
};
#define RIGHTS_ALL 0xfffu

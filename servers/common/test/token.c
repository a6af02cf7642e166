// SPDX-License-Identifier: MPL-2.0
// Tokens vouch for a name, a generation and a view together: a change of any bit makes another token.
#include "token.h"
#include "tap.h"

int main(void) {
    uint8_t key[TOKEN_KEY_SIZE] = "a key of at most 32 bytes", token[TOKEN_SIZE], other[TOKEN_SIZE];
    token_derive(key, "net", 3, 5, token);
    ok(token_is_for(key, "net", 3, 5, token), "a token is for what it was derived for");
    ok(!token_is_for(key, "ne", 3, 5, token) && !token_is_for(key, "nett", 3, 5, token), "not for another name");
    ok(!token_is_for(key, "net", 4, 5, token) && !token_is_for(key, "net", 3, 6, token), "start or view");
    ok(!token_is_for(key, "net", 5, 3, token), "nor with these exchanged");
    int accepted = 0;
    for (int bit = 0; bit < TOKEN_SIZE * 8; bit++) {
        memcpy(other, token, sizeof other);
        other[bit / 8] ^= (uint8_t)(1 << bit % 8);
        accepted += token_is_for(key, "net", 3, 5, other);
    }
    is(accepted, 0, "every bit of it counts");
    key[31] ^= 1;
    ok(!token_is_for(key, "net", 3, 5, token), "and every bit of the key");
    return tap_done();
}

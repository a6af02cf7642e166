// SPDX-License-Identifier: MPL-2.0
// How the two sides of a Fusion Ring sleep, wake each other and learn that the other one is gone (docs/rings.md). Checked
// over all interleavings:
//
//   - messages come in order, none lost, none twice (assertions);
//   - nobody sleeps for ever while there is something to do for him (that would be an invalid end state);
//   - what was flushed before its producer died is received before the consumer hears of the death.
//
// A plain store waits in a buffer of its writer, which reads its own stores there, and reaches memory at any later time. An
// exchange empties the buffer first and is seen at once: that is what store buffering needs. That data is seen before the
// word that tells of it is release and acquire's affair, which ThreadSanitizer checks on the code itself.
//
// DEATH: either side may die between any two of its steps. MANY: two producers. Negative controls, each of which must fail:
//   NO_RECHECK    sleeps without a second look
//   NO_EXCHANGE   the wish to be rung is a plain store
//   NO_BARRIER    flush and release are plain stores
//   NO_COUNT      ring_wait sleeps whatever was rung since
//   NO_LAST_BELL  (MANY, DEATH) the kernel does not ring for the other side when one of several producers dies
//   NO_HANGUP     the kernel does not tell that the other side is closed

#define SLOTS 2
#ifndef MESSAGES
#define MESSAGES 3
#endif
#ifdef MANY
#define PRODUCERS 2
#else
#define PRODUCERS 1
#endif
#define P 0 // the sides
#define C 1

// The shared pages. Message i is in slot i % SLOTS, whose `ready` names it when it is complete (here: i + 1, for 0 is none). One producer completes
// messages in order, so for it a count will do: how many it has completed, and how many of these are seen by others.
byte tail, head;
byte sequence[SLOTS];
byte completed, visible;
bool sleeps[2];

// The kernel's: how often each side was rung for, and whether its peer is gone.
byte rung[2];
bool gone[2];

// Stores that wait in buffers, besides those of sequences.
bool head_waits;
byte head_new;
bool wish_waits[PRODUCERS + 1];

// For the assertions.
byte received, flushed, alive = PRODUCERS;

#define drain_head  if :: head_waits -> head = head_new; head_waits = false :: else fi
#define drain_wish(me, side)  if :: wish_waits[me] -> sleeps[side] = true; wish_waits[me] = false :: else fi
#define drain(me, side)  drain_wish(me, side); if :: side == P -> visible = completed :: else -> drain_head fi

active proctype memory() {
end:
    do
    :: atomic { visible < completed -> visible++ }
    :: atomic { head_waits -> drain_head }
    :: atomic { wish_waits[PRODUCERS] -> drain_wish(PRODUCERS, C) }
    :: atomic { wish_waits[0] -> drain_wish(0, P) }
#ifdef MANY
    :: atomic { wish_waits[1] -> drain_wish(1, P) }
#endif
    od
}

// The system calls. Entering the kernel drains the caller's buffer; what they do they do under one lock. A process is not
// killed inside.
inline ring_bell(me, my_side, side) {
    atomic {
        drain(me, my_side);
        sleeps[side] = false;
        rung[side]++
    }
}
inline ring_wait(me, side, seen) {
    atomic { drain(me, side) }
#ifdef NO_COUNT
    atomic { seen = rung[side] };
#endif
    atomic { rung[side] != seen || gone[side] -> seen = rung[side] }
}

inline say_sleeps(me, side) {
#ifdef NO_EXCHANGE
    wish_waits[me] = true
#else
    atomic { drain(me, side); sleeps[side] = true }
#endif
}
// Of several producers nobody takes the wish back: another one may still sleep.
inline say_awake(me, side) {
#ifdef MANY
    if
    :: side == C -> atomic { wish_waits[me] = false; sleeps[side] = false }
    :: else
    fi
#else
    atomic { wish_waits[me] = false; sleeps[side] = false }
#endif
}

#ifdef DEATH
#define may_die  if :: goto dying :: skip fi
#else
#define may_die  skip
#endif

// All handles of a side are closed when the last process that has one is dead. When another one dies, the kernel rings:
// it may have died between its message and its look at who sleeps.
inline hang_up(me, my_side, side) {
    atomic {
        drain(me, my_side);
        if
        :: my_side == P -> alive--
        :: else
        fi;
#ifndef NO_HANGUP
        if
        :: my_side == C || alive == 0 -> gone[side] = true
        :: else ->
#ifndef NO_LAST_BELL
            sleeps[side] = false;
            rung[side]++
#else
            skip
#endif
        fi
#endif
    }
}

inline publish_tail() {
#ifdef NO_BARRIER
    skip
#else
    atomic { drain(0, P) } // by an exchange of tail, which nobody's decisions depend on
#endif
}
inline publish_head(next) {
#ifdef NO_BARRIER
    atomic { head_waits = true; head_new = next }
#else
    atomic { drain(PRODUCERS, C); head = next }
#endif
}

#ifndef MANY
#define is_there  (visible > next)
inline flush(next) {
    publish_tail();
    may_die;
    if
    :: sleeps[C] -> ring_bell(0, P, C)
    :: else
    fi;
    flushed = next
}

active proctype producer() {
    byte next = 0, shown = 0, seen = 0;
    do
    :: next == MESSAGES -> break
    :: next < MESSAGES && next - head < SLOTS ->
        atomic { next++; completed = next };
        may_die;
        if
        :: flush(next); shown = next
        :: next < MESSAGES -> skip // another one first
        fi
    :: next < MESSAGES && next - head >= SLOTS ->
        if
        :: shown != next -> flush(next); shown = next
        :: else
        fi;
        say_sleeps(0, P);
        may_die;
#ifdef NO_RECHECK
        ring_wait(0, P, seen);
#else
        if
        :: next - head < SLOTS
        :: else -> ring_wait(0, P, seen)
        fi;
#endif
        say_awake(0, P);
        if
        :: gone[P] -> goto dying
        :: else
        fi
    od;
dying:
    hang_up(0, P, C)
}
#else
#define is_there  (sequence[next % SLOTS] == next + 1)
// Each claims numbers by compare-and-exchange of tail and publishes each message by an exchange of its sequence.
active [PRODUCERS] proctype producer() {
    byte left = MESSAGES, seen = 0, mine;
    byte me = _pid - 1;
    do
    :: left == 0 -> break
    :: atomic { left > 0 && tail - head < SLOTS -> mine = tail; tail++; left-- };
        atomic { drain_wish(me, P); sequence[mine % SLOTS] = mine + 1 };
        may_die;
        if
        :: sleeps[C] -> ring_bell(me, P, C)
        :: else
        fi
    :: left > 0 && tail - head >= SLOTS ->
        say_sleeps(me, P);
        may_die;
#ifdef NO_RECHECK
        ring_wait(me, P, seen);
#else
        if
        :: tail - head < SLOTS
        :: else -> ring_wait(me, P, seen)
        fi;
#endif
        say_awake(me, P);
        if
        :: gone[P] -> goto dying
        :: else
        fi
    od;
dying:
    hang_up(me, P, C)
}
#endif

inline release(next) {
    publish_head(next);
    may_die;
    if
    :: sleeps[P] -> ring_bell(PRODUCERS, C, P)
    :: else
    fi
}

active proctype consumer() {
    byte next = 0, shown = 0, seen = 0;
    do
    :: is_there ->
        atomic { next++; received = next };
        may_die;
        if
        :: release(next); shown = next
        :: skip // another one first
        fi
    :: !is_there ->
        if
        :: shown != next -> release(next); shown = next
        :: else
        fi;
        say_sleeps(PRODUCERS, C);
        may_die;
#ifdef NO_RECHECK
        ring_wait(PRODUCERS, C, seen);
#else
        if
        :: is_there
        :: else -> ring_wait(PRODUCERS, C, seen)
        fi;
#endif
        say_awake(PRODUCERS, C);
        if
        :: !is_there && gone[C] -> break
        :: else
        fi
    od;
    assert(received >= flushed);
#ifndef DEATH
    assert(received == MESSAGES * PRODUCERS);
#endif
dying:
    hang_up(PRODUCERS, C, P)
}

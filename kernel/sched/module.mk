# SPDX-License-Identifier: MPL-2.0
name := sched
sources := aspace.c barrier.c block.c dpc.c idle.c lockdep.c mutex.c params.c policy.c rcu.c realtime.c runqueue.c rwlock.c \
    schedule.c share.c spinlock.c thread.c tick.c timer.c wait.c wake.c
deps := abi lib arch
tests := lockdep policy shares threads

# SPDX-License-Identifier: MPL-2.0
name := object
sources := async.c cred.c event.c flight.c handle.c handle_table.c job.c kthread.c object.c object_wait.c task.c timer_object.c wait_set.c
deps := abi lib arch sched mm
tests := handles waiting

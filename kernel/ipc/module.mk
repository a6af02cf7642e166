# SPDX-License-Identifier: MPL-2.0
name := ipc
sources := call.c delivery.c fast.c fipc_calls.c flights.c groups.c message.c native_calls.c port.c port_calls.c queue.c receive.c reply.c send.c straight.c straight_wait.c straight_words.c words.c
sources += kernel_call.c lend.c pager.c pager_blame.c pager_calls.c pager_kernel.c pager_request.c pager_supply.c pager_vmo.c ring.c ring_calls.c
deps := abi lib arch sched mm object
tests := levels queue

# SPDX-License-Identifier: MPL-2.0
# What the ports to real processors have in common, and the self-tests that any of them must pass. The host port and the
# stub do without.
name := common
deps := abi lib arch
sources := boot.c extable.c random.c uaccess.c
sources += ktest_mmu.c ktest_string.c ktest_user.c test_signal.c test_user.c

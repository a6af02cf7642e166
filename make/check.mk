# SPDX-License-Identifier: MPL-2.0
# Tests. check: what runs on this machine alone. test: that, and everything in QEMU. lint: style and structure.

TESTS ?=

.PHONY: test-system test-system-linux
check: check-unit

# The system tests alone, in one boot: make test-system TESTS='fork pipe'
test-system: $(KERNEL) $(INIT) $(RUN_TESTS) $(SYSTEM_TESTS)
	$(Q)tools/test-guest --kernel $(KERNEL) --bin $(USER)/bin --smp $(SMP) --mem $(MEM) $(TESTS)
test-system-linux: $(INIT) $(RUN_TESTS) $(SYSTEM_TESTS)
	$(Q)tools/test-guest --linux --bin $(USER)/bin --smp $(SMP) --mem $(MEM) $(TESTS)

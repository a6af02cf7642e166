# SPDX-License-Identifier: MPL-2.0
# Tests. check: what runs on this machine alone. test: that, and everything in QEMU. lint: style and structure.

TESTS   ?=
STAGES  ?=
MINUTES ?= 5
COUNT   ?= 10000
SECONDS ?= 600
SUITE   ?=

.PHONY: test-built test-system test-system-linux lint format fuzz fuzz-short stress
check: check-unit lint fuzz-short

# All that the tests run, built before anything is timed. Another architecture or a sanitizing kernel is another
# configuration, so another make builds it: the one place where make calls make. (test_arches: make/deps.mk)
test-built: $$(host_tests) $$(fuzzers)
	$(Q)$(foreach a,$(test_arches),$(MAKE) --no-print-directory ARCH=$(a) kernel user && \
	    $(MAKE) --no-print-directory ARCH=$(a) DEBUG=1 kernel &&) true
test: test-built
	$(Q)tools/test $(addprefix --arch ,$(test_arches)) $(STAGES)

# The system tests alone, in one boot: make test-system TESTS='fork pipe'
test-system: $(KERNEL_IMAGE) $(INIT) $(RUN_TESTS) $(SYSTEM_TESTS)
	$(Q)tools/test-guest $(machine_options) --kernel $(KERNEL_IMAGE) --init $(INIT) --bin $(USER)/bin --smp $(SMP) --mem $(MEM) $(TESTS)
test-system-linux: $(INIT) $(RUN_TESTS) $(SYSTEM_TESTS)
	$(Q)tools/test-guest $(machine_options) --linux --init $(INIT) --bin $(USER)/bin --smp $(SMP) --mem $(MEM) $(TESTS)

# Debian's programs on both architectures, and test suites of Debian's packages on both kernels, compared: docs/compat.md.
# SUITE=python: one of them.
.PHONY: compat
compat:
	$(Q)$(foreach a,x86_64 arm64,$(MAKE) --no-print-directory ARCH=$(a) kernel user &&) true
	$(Q)tools/compat --arch $(ARCH) $(if $(SUITE),--suite $(SUITE))

stress: $(KERNEL_IMAGE) user
	$(Q)tests/stress/stress.py --arch $(ARCH) --minutes $(MINUTES) --count $(COUNT)

# Proofs, by Frama-C: kernel/object/include/object/rights.h and abi/include/abi/ring_index.h.
.PHONY: prove
prove:
	$(Q)tools/prove

lint: $(host_generated) $(KERNEL)
	$(Q)tools/lint
format:
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format-22 -i

# Fuzzers of the kernel's parsers: the target and the kernel sources that it fuzzes, as a program of this machine.
fuzz_sources_elf_fuzz  := kernel/posix/exec/elf.c kernel/posix/exec/exec_script.c
fuzz_sources_bpf_fuzz  := kernel/posix/seccomp/bpf.c
fuzz_sources_netlink_fuzz := kernel/net/netlink_message.c
fuzz_flags_netlink_fuzz := $(foreach m,dev mm net object sched vfs,-Ikernel/$(m)/include)
fuzz_sources_cpio_fuzz := kernel/vfs/cpio.c
fuzz_sources_fdt_fuzz  := lib/fdt.c lib/fdt_bus.c
fuzz_sources_acpi_fuzz := lib/acpi.c lib/acpi_arm.c lib/acpi_table.c lib/acpi_devices.c
fuzz_sources_protocol_fuzz := libtessera/message.c $(protocol_sources) $(protocol_fuzzed)
fuzz_flags_protocol_fuzz := $(protocol_list) -D_GNU_SOURCE -Ilibtessera -Ilibtessera/include -I$(GEN)/include -Wno-unused-parameter
fuzz_sources_posixd_fuzz := $(posixd_parts)
fuzz_flags_posixd_fuzz := -D_GNU_SOURCE -Iservers/posixd -Ilibtessera/include -I$(GEN)/include -Wno-unused-parameter
# Debian's libraries for this machine's processor: make/libtessera.mk.
fuzz_libraries_squashfs_fuzz := $(squashfs_$(host_cpu))/lib/$(host_cpu)-linux-gnu/libsquashfs.a $(zstd_$(host_cpu))/lib/$(host_cpu)-linux-gnu/libzstd.a
fuzz_sources_squashfs_fuzz := servers/fsd/volume.c servers/fsd/expander.c
fuzz_flags_squashfs_fuzz := -D_GNU_SOURCE -isystem $(squashfs_$(host_cpu))/include -isystem $(zstd_$(host_cpu))/include
# With the host's page allocator, out of the unit tests' archives.
fuzz_archives := $(foreach m,virtio lib sched mm object vfs host,$(HOST)/$(m).a)
fuzz_libraries_virtqueue_fuzz := -Wl,--start-group $(fuzz_archives) -Wl,--end-group -lpthread
fuzz_sources_virtqueue_fuzz := drivers/virtio/queue.c
fuzz_flags_virtqueue_fuzz := -D_GNU_SOURCE -DTESSERA_DEBUG $(call includes,virtio,host)
fuzzers := $(patsubst tests/fuzz/%.c,$(HOST)/fuzz/%,$(wildcard tests/fuzz/*_fuzz.c))
$(HOST)/fuzz/%: tests/fuzz/%.c $(host_generated) make/check.mk
	$(call say,FUZZ,$@)mkdir -p $(@D); $(CLANG) $(filter-out -fsanitize=address%,$(c_flags)) -O1 -DTESSERA_HOST \
	    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Wno-missing-prototypes -Wno-thread-safety-analysis -I. \
	    -Ilib/include -Iabi/include -Iarch/include -Iarch/host/include -Ikernel/posix -Ikernel/vfs -Ilib -I$(HOST)/gen/include \
	    $(fuzz_flags_$*) $< $(fuzz_sources_$*) $(fuzz_libraries_$*) -o $@
$(HOST)/fuzz/protocol_fuzz $(HOST)/fuzz/posixd_fuzz: $(native_generated)
$(fuzzers): $(foreach f,$(fuzzers),$(fuzz_sources_$(notdir $(f))))
$(HOST)/fuzz/virtqueue_fuzz: $(fuzz_archives)
$(HOST)/fuzz/squashfs_fuzz: | $(fuzz_libraries_squashfs_fuzz)

# Device trees of QEMU's, to start from.
fdt_seeds := $(HOST)/corpus/fdt_fuzz/gicv3
$(fdt_seeds): tests/fuzz/fdt-seeds
	$(Q)tests/fuzz/fdt-seeds $(@D)

# An image of squashfs whose tables are readable.
squashfs_seeds := $(HOST)/corpus/squashfs_fuzz/plain
$(squashfs_seeds): tests/fuzz/squashfs-seeds
	$(Q)tests/fuzz/squashfs-seeds $(@D)
fuzz_seeds := $(fdt_seeds) $(squashfs_seeds)

# $(call fuzz,SECONDS): what it finds new is kept in out/host/corpus, and the next run starts from there.
fuzz = for f in $(fuzzers); do name=$${f\#\#*/}; mkdir -p $(HOST)/corpus/$$name; \
    $$f -max_total_time=$(1) -max_len=8192 -timeout=5 -print_final_stats=1 -artifact_prefix=$(HOST)/fuzz/ $(HOST)/corpus/$$name \
    > $(HOST)/fuzz/$$name.log 2>&1 && echo "ok - $$name: $$(sed -n 's/^stat::number_of_executed_units: *//p' $(HOST)/fuzz/$$name.log) inputs" \
    || { tail -40 $(HOST)/fuzz/$$name.log; exit 1; }; done
fuzz-short: $(fuzzers) | $(fuzz_seeds)
	$(Q)$(call fuzz,5)
fuzz: $(fuzzers) $(KERNEL_IMAGE) user | $(fuzz_seeds)
	$(Q)$(call fuzz,$(SECONDS))
	$(Q)tests/fuzz/in-guest.py --arch $(ARCH) --seconds $(SECONDS) --seed $$$$

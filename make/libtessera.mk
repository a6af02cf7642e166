# SPDX-License-Identifier: MPL-2.0
# The native library of programs, and what is generated from descriptions: the stubs of protocols/*.protocol and the
# numbers of native calls, the same for all architectures.

GEN := out/gen
protocols := $(patsubst protocols/%.protocol,%,$(wildcard protocols/*.protocol))
native_generated := $(GEN)/include/abi/native_numbers.h $(patsubst %,$(GEN)/include/protocols/%.h,$(protocols))
protocol_sources := $(patsubst %,$(GEN)/protocols/%.c,$(protocols))

$(GEN)/include/abi/native_numbers.h: abi/syscalls.tbl tools/gen-syscalls
	$(call say,GEN,$@)mkdir -p $(@D); tools/gen-syscalls native $< > $@
$(GEN)/include/protocols/%.h: protocols/%.protocol tools/gen-protocol
	$(call say,GEN,$@)mkdir -p $(@D); tools/gen-protocol header $< > $@
$(GEN)/protocols/%.c: protocols/%.protocol tools/gen-protocol
	$(call say,GEN,$@)mkdir -p $(@D); tools/gen-protocol source $< > $@

# The manual's pages are kept in the tree; `make lint` compares.
.PHONY: protocol-pages lint-protocols
protocol-pages:
	$(Q)mkdir -p docs/protocols; $(foreach p,$(protocols),tools/gen-protocol manual protocols/$(p).protocol > docs/protocols/$(p).md;)
lint-protocols:
	$(Q)$(foreach p,$(protocols),tools/gen-protocol manual protocols/$(p).protocol | cmp - docs/protocols/$(p).md &&) true
lint: lint-protocols

# Unit tests on this machine: libtessera/test/*.c put a kernel of their own behind native_call; tests/servers/… the same
# for the servers' own files.
library_sources := $(filter-out libtessera/native.c,$(wildcard libtessera/*.c)) $(protocol_sources)
native_host_flags = --target=$(shell uname -m)-linux-gnu -std=c23 -D_GNU_SOURCE -g -O1 $(user_warnings) -fno-omit-frame-pointer \
    -fsanitize=address,undefined -fno-sanitize-recover=all -Ilibtessera -Ilibtessera/include -Iabi/include -I$(GEN)/include -Itests/include
native_tests := $(patsubst libtessera/test/%.c,$(HOST)/test/libtessera/%,$(wildcard libtessera/test/*.c))
$(HOST)/test/libtessera/%: libtessera/test/%.c $(library_sources) $(native_generated) $(wildcard libtessera/*.h libtessera/include/tessera/*.h)
	$(call say,TEST,$@)mkdir -p $(@D); $(CLANG) $(native_host_flags) $< $(library_sources) -o $@
host_tests += $(native_tests)
check-unit: $(native_tests)

# Rings between threads once more: ThreadSanitizer sees accesses that nothing orders.
ring_sources := libtessera/test/ring.c libtessera/ring.c libtessera/ring_map.c
$(HOST)/test/libtessera/ring_threads: $(ring_sources) $(native_generated) $(wildcard libtessera/*.h libtessera/include/tessera/*.h)
	$(call say,TEST,$@)mkdir -p $(@D); $(CLANG) $(patsubst -fsanitize=%,-fsanitize=thread,$(native_host_flags)) $(ring_sources) -lpthread -o $@
host_tests += $(HOST)/test/libtessera/ring_threads
check-unit: $(HOST)/test/libtessera/ring_threads

# The model of the rings' protocol.
host_tests += tests/models/check-models
check-unit: tests/models/check-models

# SPDX-License-Identifier: MPL-2.0
# The native library of programs, and what is generated from descriptions: the stubs of protocols/*.protocol and the
# numbers of native calls, the same for all architectures.

GEN := out/gen
host_cpu := $(shell uname -m)
protocols := $(patsubst protocols/%.protocol,%,$(wildcard protocols/*.protocol))
native_generated := $(GEN)/include/abi/native_numbers.h $(patsubst %,$(GEN)/include/protocols/%.h,$(protocols))
protocol_sources := $(patsubst %,$(GEN)/protocols/%.c,$(protocols))

$(GEN)/include/abi/native_numbers.h: abi/syscalls.tbl tools/gen-syscalls
	$(call say,GEN,$@)mkdir -p $(@D); tools/gen-syscalls native $< > $@
$(GEN)/include/protocols/%.h: protocols/%.protocol tools/gen-protocol
	$(call say,GEN,$@)mkdir -p $(@D); tools/gen-protocol header $< > $@
$(GEN)/protocols/%.c: protocols/%.protocol tools/gen-protocol
	$(call say,GEN,$@)mkdir -p $(@D); tools/gen-protocol source $< > $@
$(GEN)/fuzz/%.c: protocols/%.protocol tools/gen-protocol
	$(call say,GEN,$@)mkdir -p $(@D); tools/gen-protocol fuzz $< > $@
protocol_fuzzed := $(patsubst %,$(GEN)/fuzz/%.c,$(protocols))
protocol_list := -D'PROTOCOLS(x)=$(foreach p,$(protocols),x($(p)))'
.SECONDARY: $(protocol_sources) $(protocol_fuzzed)

# libsodium, whose static library is Debian's for either architecture.
sodium_x86_64 := out/cache/deb/libsodium-dev-amd64/usr
sodium_aarch64 := out/cache/deb/libsodium-dev-arm64/usr
$(sodium_x86_64)/lib/x86_64-linux-gnu/libsodium.a:
	$(Q)tools/fetch deb libsodium-dev --arch amd64 > /dev/null
$(sodium_aarch64)/lib/aarch64-linux-gnu/libsodium.a:
	$(Q)tools/fetch deb libsodium-dev --arch arm64 > /dev/null

# libsquashfs (of squashfs-tools-ng) and libzstd, the same way.
squashfs_x86_64 := out/cache/deb/libsquashfs-dev-amd64/usr
squashfs_aarch64 := out/cache/deb/libsquashfs-dev-arm64/usr
zstd_x86_64 := out/cache/deb/libzstd-dev-amd64/usr
zstd_aarch64 := out/cache/deb/libzstd-dev-arm64/usr
$(squashfs_x86_64)/lib/x86_64-linux-gnu/libsquashfs.a:
	$(Q)tools/fetch deb libsquashfs-dev --arch amd64 > /dev/null
$(squashfs_aarch64)/lib/aarch64-linux-gnu/libsquashfs.a:
	$(Q)tools/fetch deb libsquashfs-dev --arch arm64 > /dev/null
$(zstd_x86_64)/lib/x86_64-linux-gnu/libzstd.a:
	$(Q)tools/fetch deb libzstd-dev --arch amd64 > /dev/null
$(zstd_aarch64)/lib/aarch64-linux-gnu/libzstd.a:
	$(Q)tools/fetch deb libzstd-dev --arch arm64 > /dev/null

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
native_host_flags = --target=$(host_cpu)-linux-gnu -std=c23 -D_GNU_SOURCE -g -O1 $(user_warnings) -fno-omit-frame-pointer \
    -fsanitize=address,undefined -fno-sanitize-recover=all -Ilibtessera -Ilibtessera/include -Iabi/include -I$(GEN)/include -Itests/include $(protocol_list)
native_tests := $(patsubst libtessera/test/%.c,$(HOST)/test/libtessera/%,$(wildcard libtessera/test/*.c))
$(HOST)/test/libtessera/%: libtessera/test/%.c $(library_sources) $(native_generated) $(wildcard abi/include/abi/*.h libtessera/*.h libtessera/include/tessera/*.h)
	$(call say,TEST,$@)mkdir -p $(@D); $(CLANG) $(native_host_flags) $< $(library_sources) -o $@
host_tests += $(native_tests)
check-unit: $(native_tests)

# Rings between threads once more: ThreadSanitizer sees accesses that nothing orders.
ring_sources := libtessera/test/ring.c libtessera/ring.c libtessera/ring_map.c
$(HOST)/test/libtessera/ring_threads: $(ring_sources) $(native_generated) $(wildcard abi/include/abi/*.h libtessera/*.h libtessera/include/tessera/*.h)
	$(call say,TEST,$@)mkdir -p $(@D); $(CLANG) $(patsubst -fsanitize=%,-fsanitize=thread,$(native_host_flags)) $(ring_sources) -lpthread -o $@
host_tests += $(HOST)/test/libtessera/ring_threads
check-unit: $(HOST)/test/libtessera/ring_threads

# The model of the rings' protocol.
host_tests += tests/models/check-models
check-unit: tests/models/check-models

# The servers' parts that make no system calls: servers/SERVER/test/NAME.c with what it tests.
server_test_init/service := servers/init/service_file.c servers/init/service_policy.c
server_test_init/symbols := servers/init/symbols.c
server_test_registryd/registry := servers/registryd/names.c servers/registryd/views.c servers/registryd/waiters.c
server_test_common/token := servers/common/token.c
posixd_parts := $(filter-out servers/posixd/main.c,$(wildcard servers/posixd/*.c))
server_test_posixd/state := $(posixd_parts)
server_tests := $(foreach t,init/service init/symbols registryd/registry common/token posixd/state,$(HOST)/test/servers/$(t))
host_sodium := $(sodium_$(host_cpu))
$(HOST)/test/servers/%: $$(server_test_$$*) servers/$$(*D)/test/$$(*F).c $(native_generated) $(wildcard servers/*/*.h libtessera/include/tessera/*.h)
	$(call say,TEST,$@)mkdir -p $(@D); $(CLANG) -Iservers/$(*D) $(native_host_flags) $(filter %.c,$^) $(server_test_libraries) -o $@
$(HOST)/test/servers/common/token: server_test_libraries = -isystem $(host_sodium)/include $(host_sodium)/lib/$(host_cpu)-linux-gnu/libsodium.a
$(HOST)/test/servers/common/token: | $(host_sodium)/lib/$(host_cpu)-linux-gnu/libsodium.a
host_tests += $(server_tests)
check-unit: $(server_tests)

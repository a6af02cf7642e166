# SPDX-License-Identifier: MPL-2.0
# What a goal needs installed. The stamps are included as makefiles: when one is missing, make runs tools/deps, and
# then starts over, so that the toolchain is looked for again after it was installed.
#
# The group of an architecture holds its machine in QEMU and what builds its programs: it is asked for by what builds
# or runs them, for ARCH, and for both by `test` if no ARCH was given.

goals := $(or $(MAKECMDGOALS),help)
test_arches := $(if $(filter file,$(origin ARCH)),x86_64 arm64,$(ARCH))
deps_of_run := run $(ARCH) $(if $(filter-out busybox,$(IMAGE)),debian)
deps_of_debug := run $(ARCH)
deps_of_user := run $(ARCH)
deps_of_all := run $(ARCH)
deps_of_image := run $(ARCH)
deps_of_stress := run $(ARCH)
deps_of_bench := run $(ARCH)
deps_of_test := run test lint debian $(test_arches) $(addprefix iso-,$(filter arm64,$(test_arches)))
deps_of_test-system := run $(ARCH)
deps_of_test-system-linux := run $(ARCH)
deps_of_compat := run debian test x86_64 arm64
deps_of_check := run test lint
deps_of_fuzz := run test $(ARCH)
deps_of_lint := run lint
deps_of_prove := prove
deps_of_format := lint
deps_of_iso := run iso $(ARCH) iso-$(ARCH)
deps_of_test-boot := run iso $(ARCH) iso-$(ARCH)
dep_groups := $(if $(filter-out help clean,$(goals)),build $(sort $(foreach g,$(goals),$(deps_of_$(g)))))
-include $(patsubst %,out/deps/%.mk,$(dep_groups))

out/deps/%.mk: tools/deps
	@tools/deps $* && mkdir -p $(@D) && echo '# installed: $*' > $@

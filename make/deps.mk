# SPDX-License-Identifier: MPL-2.0
# What a goal needs installed. The stamps are included as makefiles: when one is missing, make runs tools/deps, and
# then starts over, so that the toolchain is looked for again after it was installed.

goals := $(or $(MAKECMDGOALS),help)
deps_of_run := run
deps_of_debug := run
deps_of_user := run
deps_of_image := run
deps_of_stress := run
deps_of_bench := run
deps_of_test := run test lint
deps_of_test-system := run
deps_of_test-system-linux := run
deps_of_check := run test lint
deps_of_fuzz := run test
deps_of_lint := run lint
deps_of_format := lint
deps_of_iso := run iso
deps_of_test-boot := run iso
dep_groups := $(if $(filter-out help clean,$(goals)),build $(sort $(foreach g,$(goals),$(deps_of_$(g)))))
-include $(patsubst %,out/deps/%.mk,$(dep_groups))

out/deps/%.mk: tools/deps
	@tools/deps $* && mkdir -p $(@D) && echo '# installed: $*' > $@

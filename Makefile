# SPDX-License-Identifier: MPL-2.0
# Tessera's build. One make, no recursion: every folder with a module.mk is a module (make/modules.mk).
# `make help` lists what can be asked for.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDEXPANSION:

ARCH  ?= x86_64
SMP   ?= 2
MEM   ?= 512
DEBUG ?= 0
V     ?= 0
Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-8s %s\n' '$(1)' '$(patsubst $(OUT)/%,%,$(2))';)

OUT  := out/$(ARCH)$(if $(filter 1,$(DEBUG)),-debug)
HOST := out/host

include make/deps.mk
include make/toolchain.mk
include make/modules.mk
include make/kernel.mk
include make/host.mk
include make/libtessera.mk
include make/user.mk
include make/run.mk
include make/iso.mk
include make/bench.mk
include make/check.mk
include make/stub.mk

.PHONY: help all run test check lint bench iso debug clean
all: kernel user
clean:
	$(Q)rm -rf out
help:
	@cat make/help.txt

# SPDX-License-Identifier: MPL-2.0
# The compiler: the newest clang of 22 … 19 on the path (Debian's clang-22 is what we test with).

LLVM := $(firstword $(foreach v,22 21 20 19,$(if $(shell command -v clang-$(v) 2>/dev/null),$(v))))
CLANG := $(if $(LLVM),clang-$(LLVM),clang)
LLD   := $(if $(LLVM),ld.lld-$(LLVM),ld.lld)
LLVM_AR := $(if $(LLVM),llvm-ar-$(LLVM),llvm-ar)
LLVM_NM := $(if $(LLVM),llvm-nm-$(LLVM),llvm-nm)
LLVM_OBJCOPY := $(if $(LLVM),llvm-objcopy-$(LLVM),llvm-objcopy)

warnings := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wvla \
    -Wimplicit-fallthrough -Wno-unused-parameter -Wno-gnu-statement-expression -Wno-missing-field-initializers \
    -Wthread-safety
c_flags := -std=c23 -g -fno-strict-aliasing -fno-common $(warnings) -D__FILE_NAME__=__FILE_NAME__
c_flags := $(filter-out -D__FILE_NAME__=%,$(c_flags))

# SPDX-License-Identifier: MPL-2.0
# How the kernel is compiled and linked for x86-64: a static position-independent executable without vector code.
# (-linux-gnu and not -none-elf: clang has the kernel address sanitizer for it only.)
ARCH_TARGET := x86_64-linux-gnu
ARCH_FLAGS  := -march=x86-64 -fPIE -fdirect-access-external-data -mno-red-zone -mno-mmx -mno-sse -mno-80387 \
    -mgeneral-regs-only -mskip-rax-setup -mstack-protector-guard=global -fcf-protection=none
ARCH_LINK_FLAGS := -m elf_x86_64 -pie --no-dynamic-linker -z text -z norelro -z noexecstack --pack-dyn-relocs=relr \
    --hash-style=sysv --no-warn-mismatch
# The table has the straight forms of calls: the entry code has stored the whole frame.
ARCH_LINK_FLAGS += --wrap=sys_fipc_call --defsym=__wrap_sys_fipc_call=fipc_call_straight
ARCH_LINK_FLAGS += --wrap=sys_fipc_reply_recv --defsym=__wrap_sys_fipc_reply_recv=fipc_reply_recv_straight
ARCH_LINK_FLAGS += --wrap=sys_fipc_call_words --defsym=__wrap_sys_fipc_call_words=fipc_call_words_straight
ARCH_LINK_FLAGS += --wrap=sys_fipc_reply_recv_words --defsym=__wrap_sys_fipc_reply_recv_words=fipc_reply_recv_words_straight
ARCH_LINK_FLAGS += --wrap=sys_object_wait --defsym=__wrap_sys_object_wait=object_wait_straight
include arch/x86_64/vdso.mk

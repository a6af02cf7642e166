# SPDX-License-Identifier: MPL-2.0
name := mm
sources := access.c account.c advise.c alloc_fail.c aspace.c buddy.c charged.c code.c current.c detach.c fault.c fork.c huge.c kasan.c kasan_quarantine.c kasan_test.c kmalloc.c mappings.c page.c pagemap.c \
    page_init.c pagetable.c policy.c region.c remap.c slab.c ubsan.c uio.c unmap.c vector_area.c vmap.c vmo.c vmo_clone.c vmo_range.c vmo_supply.c
deps := abi lib arch sched
# The sanitizers' runtime, and what touches poisoned memory by trade.
plain_mm := kasan.c kasan_quarantine.c ubsan.c slab.c
tests := account aspace entries page slab uio vmo

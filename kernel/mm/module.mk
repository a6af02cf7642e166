name := mm
sources := access.c advise.c alloc_fail.c aspace.c buddy.c fault.c fork.c huge.c kmalloc.c mappings.c page.c \
    page_init.c pagetable.c region.c remap.c slab.c uio.c unmap.c vector_area.c vmap.c vmo.c vmo_range.c
deps := abi lib arch sched
tests := aspace page slab uio vmo

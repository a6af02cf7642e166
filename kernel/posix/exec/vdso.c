// SPDX-License-Identifier: MPL-2.0
// The vDSO in programs: one memory object, made at boot, holds the clock's data page and then the image that the
// architecture supplies; every program maps both.
#include "exec_priv.h"
#include <arch/time.h>
#include <lib/assert.h>
#include <mm/uio.h>
#include <sched/realtime.h>

static struct {
    struct vmo *vmo;
    void *data_page;
    size_t image_size; // whole pages
    size_t sigreturn_offset;
} vdso;

static void clock_changed(void) {
    arch_vdso_update(vdso.data_page, atomic_load(&realtime_offset));
}

void vdso_init(void) {
    static struct realtime_listener listener = {.changed = clock_changed, .copies = true};
    const struct vdso_image *image = arch_vdso();
    if (!image)
        return;
    vdso.image_size = ALIGN_UP(image->size, PAGE_SIZE);
    vdso.sigreturn_offset = image->sigreturn_offset;
    vdso.vmo = vmo_create(PAGE_SIZE + vdso.image_size);
    struct page *page;
    struct uio uio;
    uio_init_kernel(&uio, (void *)image->start, image->size);
    if (!vdso.vmo || vmo_get_page(vdso.vmo, 0, true, &page) != 0 ||
        vmo_write(vdso.vmo, PAGE_SIZE, &uio, image->size) != (ssize_t)image->size)
        panic("no memory for the vDSO");
    vdso.data_page = page_to_virt(page); // keeps its reference for ever
    realtime_listen(&listener);
    clock_changed();
}

status_t vdso_map(struct exec *exec) {
    if (!vdso.vmo)
        return 0;
    struct aspace *aspace = exec->aspace;
    size_t size = PAGE_SIZE + vdso.image_size;
    vaddr_t base = aspace->mmap_top - size, where;
    aspace->mmap_top = base;
    struct map_request map = {.address = base,
                              .size = PAGE_SIZE,
                              .flags = REGION_READ | REGION_SHARED | REGION_SPECIAL | REGION_NO_DUMP,
                              .fixed = true,
                              .vmo = vdso.vmo,
                              .name = "[vvar]"};
    status_t status = aspace_map(aspace, &map, &where);
    if (status != 0)
        return status;
    map.address = base + PAGE_SIZE;
    map.size = vdso.image_size;
    map.flags = REGION_READ | REGION_EXEC | REGION_MAY_WRITE | REGION_SPECIAL;
    map.offset = PAGE_SIZE;
    map.name = "[vdso]";
    aspace->vdso = map.address;
    aspace->sigreturn = vdso.sigreturn_offset ? map.address + vdso.sigreturn_offset : 0;
    return aspace_map(aspace, &map, &where);
}

// SPDX-License-Identifier: MPL-2.0
// One page of user memory for the self-tests, made without the allocators: what is tested lies below them.
#include <arch/cpu.h>
#include <arch/switch.h>
#include <common/port.h>
#include <common/test_user.h>
#include <lib/string.h>

struct test_user test_user;

static uint64_t *table_at(unsigned i) {
    return arch_phys_to_virt(image_phys(test_user.tables[i]));
}
uint64_t *test_user_entry(void) {
    return &table_at(3)[USER_PAGE >> PAGE_SHIFT];
}

void test_user_map(void) {
    memset(test_user.tables, 0, sizeof(test_user.tables));
    arch_aspace_init(&test_user.aspace, image_phys(test_user.tables[0]));
    for (unsigned i = 0; i < 3; i++)
        table_at(i)[0] = arch_pte_table(image_phys(test_user.tables[i + 1]));
    *test_user_entry() = arch_pte_page(image_phys(test_user.data), PROT_MAP_READ | PROT_MAP_WRITE | PROT_MAP_USER, 0);
    unsigned long irq = arch_irq_save();
    arch_aspace_switch(&test_user.aspace);
    arch_irq_restore(irq);
}

void test_user_unmap(void) {
    unsigned long irq = arch_irq_save();
    arch_aspace_switch(nullptr);
    arch_irq_restore(irq);
    arch_aspace_fini(&test_user.aspace);
}

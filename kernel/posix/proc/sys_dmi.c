// SPDX-License-Identifier: MPL-2.0
// /sys/firmware/dmi/tables, which dmidecode reads, and /sys/class/dmi/id, which has the machine's names in files. There
// is a file for what firmware has a place for, be it blank. What is one machine's alone is root's.
#include "proc_priv.h"
#include <arch/boot.h>
#include <lib/fmt.h>
#include <lib/smbios.h>
#include <lib/string.h>
#include <vfs/path.h>

#define ID "devices/virtual/dmi/id/"
#define UUID_LITTLE_ENDIAN 0x206 // from this version on, the first three parts of a UUID are

enum { BIOS = 0, SYSTEM = 1, BOARD = 2, CHASSIS = 3 };
enum { SYSTEM_UUID = 8, UUID_SIZE = 16, CHASSIS_TYPE = 5 };

struct dmi_field {
    const char *name, *prefix; // prefix: in the modalias; nullptr: not there
    uint8_t type, offset;
    uint16_t mode;
    void (*show)(struct text_buffer *text, const struct smbios_structure *s, unsigned offset);
    uint8_t size; // the structure must have beyond the offset
};

static void string_show(struct text_buffer *text, const struct smbios_structure *s, unsigned offset) {
    text_printf(text, "%s", smbios_string(s, offset));
}

static void release_show(struct text_buffer *text, const struct smbios_structure *s, unsigned offset) {
    text_printf(text, "%u.%u", s->bytes[offset], s->bytes[offset + 1]);
}

static void chassis_type_show(struct text_buffer *text, const struct smbios_structure *s, unsigned offset) {
    text_printf(text, "%u", s->bytes[offset] & 0x7f);
}

static void uuid_show(struct text_buffer *text, const struct smbios_structure *s, unsigned offset) {
    static const uint8_t orders[2][UUID_SIZE] = {
        {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
        {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15},
    };
    const uint8_t *order = orders[boot_info.smbios_version >= UUID_LITTLE_ENDIAN];
    for (unsigned i = 0; i < UUID_SIZE; i++)
        text_printf(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", s->bytes[offset + order[i]]);
}

// In the order of the modalias.
static const struct dmi_field fields[] = {
    {"bios_vendor", "bvn", BIOS, 4, 0444, string_show, 1},
    {"bios_version", "bvr", BIOS, 5, 0444, string_show, 1},
    {"bios_date", "bd", BIOS, 8, 0444, string_show, 1},
    {"bios_release", "br", BIOS, 20, 0444, release_show, 2},
    {"ec_firmware_release", "efr", BIOS, 22, 0444, release_show, 2},
    {"sys_vendor", "svn", SYSTEM, 4, 0444, string_show, 1},
    {"product_name", "pn", SYSTEM, 5, 0444, string_show, 1},
    {"product_version", "pvr", SYSTEM, 6, 0444, string_show, 1},
    {"product_serial", nullptr, SYSTEM, 7, 0400, string_show, 1},
    {"product_uuid", nullptr, SYSTEM, SYSTEM_UUID, 0400, uuid_show, UUID_SIZE},
    {"product_family", nullptr, SYSTEM, 26, 0444, string_show, 1},
    {"board_vendor", "rvn", BOARD, 4, 0444, string_show, 1},
    {"board_name", "rn", BOARD, 5, 0444, string_show, 1},
    {"board_version", "rvr", BOARD, 6, 0444, string_show, 1},
    {"board_serial", nullptr, BOARD, 7, 0400, string_show, 1},
    {"board_asset_tag", nullptr, BOARD, 8, 0444, string_show, 1},
    {"chassis_vendor", "cvn", CHASSIS, 4, 0444, string_show, 1},
    {"chassis_type", "ct", CHASSIS, CHASSIS_TYPE, 0444, chassis_type_show, 1},
    {"chassis_version", "cvr", CHASSIS, 6, 0444, string_show, 1},
    {"chassis_serial", nullptr, CHASSIS, 7, 0400, string_show, 1},
    {"chassis_asset_tag", nullptr, CHASSIS, 8, 0444, string_show, 1},
    {"product_sku", "sku", SYSTEM, 25, 0444, string_show, 1},
};

static bool all_are(const uint8_t *bytes, size_t size, uint8_t value) {
    size_t same = 0;
    while (same < size && bytes[same] == value)
        same++;
    return same == size;
}

// The structure that has the field. False: firmware has no place for it, or says that it does not know.
static bool find(const struct dmi_field *field, struct smbios_structure *s) {
    if (!smbios_lookup(boot_info.smbios_table.bytes, boot_info.smbios_table.size, field->type, s) ||
        s->length < (size_t)field->offset + field->size)
        return false;
    const uint8_t *at = s->bytes + field->offset;
    return field->size == 1 ||
           !(all_are(at, field->size, 0xff) || (field->size == UUID_SIZE && all_are(at, field->size, 0)));
}

static void field_show(struct text_buffer *text, void *context) {
    const struct dmi_field *field = context;
    struct smbios_structure s;
    if (find(field, &s))
        field->show(text, &s, field->offset);
    text_printf(text, "\n");
}

// All that identifies the kind of machine in one word, by which udev finds what to do.
static void modalias_show(struct text_buffer *text, void *context) {
    (void)context;
    struct smbios_structure s;
    text_printf(text, "dmi:");
    for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
        if (!fields[i].prefix || !find(&fields[i], &s))
            continue;
        text_printf(text, "%s", fields[i].prefix);
        size_t from = text->length, to = from;
        fields[i].show(text, &s, fields[i].offset);
        for (; from < text->length; from++) // it is one word of letters that separates by colons
            if (text->data[from] > ' ' && text->data[from] < 127 && text->data[from] != ':')
                text->data[to++] = text->data[from];
        text->length = to;
        text_printf(text, ":");
    }
    text_printf(text, "\n");
}

static void uevent_show(struct text_buffer *text, void *context) {
    text_printf(text, "MODALIAS=");
    modalias_show(text, context);
}

static void bytes_show(struct text_buffer *text, void *context) {
    const struct boot_bytes *bytes = context;
    text_append(text, (const char *)bytes->bytes, bytes->size);
}

static void add(const char *path, uint32_t mode, text_fn *show, const void *context) {
    status_t status = sysfs_add(path, mode, show, nullptr, (void *)(uintptr_t)context);
    if (status != 0)
        panic("/sys/%s: error %d", path, -status);
}

void sys_dmi_init(void) {
    struct smbios_structure s;
    if (boot_info.smbios_table.size == 0)
        return;
    add("firmware/dmi/tables/smbios_entry_point", 0400, bytes_show, &boot_info.smbios_entry);
    add("firmware/dmi/tables/DMI", 0400, bytes_show, &boot_info.smbios_table);
    for (unsigned i = 0; i < ARRAY_SIZE(fields); i++) {
        char path[64];
        fmt_snprintf(path, sizeof path, ID "%s", fields[i].name);
        if (find(&fields[i], &s))
            add(path, fields[i].mode, field_show, &fields[i]);
    }
    add(ID "modalias", 0444, modalias_show, nullptr);
    add(ID "uevent", 0444, uevent_show, nullptr);
    if (sysfs_add_link(ID "subsystem", "../../../../class/dmi") != 0 ||
        sysfs_add_link("class/dmi/id", "../../devices/virtual/dmi/id") != 0)
        panic("no memory for /sys/class/dmi");
}

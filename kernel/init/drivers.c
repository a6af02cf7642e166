// SPDX-License-Identifier: MPL-2.0
// Brings the port's list of devices and the drivers in this kernel together.

#include "init_priv.h"
#include <arch/platform.h>
#include <lib/log.h>
#include <lib/status.h>
#include <lib/string.h>

// The linker gathers all PLATFORM_DRIVERs here.
extern const struct platform_driver drivers_start[], drivers_end[];

void drivers_attach(void) {
    unsigned count;
    const struct platform_device *devices = arch_platform_devices(&count);
    for (unsigned i = 0; i < count; i++) {
        for (const struct platform_driver *driver = drivers_start; driver < drivers_end; driver++) {
            if (strcmp(driver->kind, devices[i].kind) != 0)
                continue;
            status_t status = driver->attach(&devices[i]);
            if (status != 0 && status != -ENODEV)
                klog(LOG_WARNING, "%s %u: error %d", devices[i].kind, devices[i].index, -status);
        }
    }
}

// SPDX-License-Identifier: MPL-2.0
// Expands zstd blocks, by Debian's libzstd, as libsquashfs asks for it.
#include "expander.h"

#include <sqfs/error.h>
#include <stdlib.h>
#include <zstd.h>

struct expander {
    sqfs_compressor_t compressor; // first
    ZSTD_DCtx *context;
};

static void destroy(sqfs_object_t *object) {
    struct expander *expander = (struct expander *)object;
    ZSTD_freeDCtx(expander->context);
    free(expander);
}

static void get_configuration(const sqfs_compressor_t *compressor, sqfs_compressor_config_t *config) {
    (void)compressor;
    *config = (sqfs_compressor_config_t){.id = SQFS_COMP_ZSTD, .flags = SQFS_COMP_FLAG_UNCOMPRESS};
}

static int write_options(sqfs_compressor_t *compressor, sqfs_file_t *file) {
    (void)compressor, (void)file;
    return SQFS_ERROR_UNSUPPORTED;
}

// The options say how it was compressed: nothing that is needed to expand it.
static int read_options(sqfs_compressor_t *compressor, sqfs_file_t *file) {
    (void)compressor, (void)file;
    return 0;
}

static sqfs_s32 expand(sqfs_compressor_t *compressor, const sqfs_u8 *in, sqfs_u32 size, sqfs_u8 *out, sqfs_u32 room) {
    struct expander *expander = (struct expander *)compressor;
    size_t got = ZSTD_decompressDCtx(expander->context, out, room, in, size);
    return ZSTD_isError(got) || got > INT32_MAX ? SQFS_ERROR_COMPRESSOR : (sqfs_s32)got;
}

sqfs_compressor_t *expander_create(void) {
    struct expander *expander = calloc(1, sizeof *expander);
    ZSTD_DCtx *context = ZSTD_createDCtx();
    if (!expander || !context) {
        free(expander);
        ZSTD_freeDCtx(context);
        return NULL;
    }
    expander->context = context;
    expander->compressor = (sqfs_compressor_t){.base = {.destroy = destroy},
                                               .get_configuration = get_configuration,
                                               .write_options = write_options,
                                               .read_options = read_options,
                                               .do_block = expand};
    return &expander->compressor;
}

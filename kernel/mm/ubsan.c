// SPDX-License-Identifier: MPL-2.0
// The undefined-behaviour sanitizer's runtime (make DEBUG=1): each check that fails calls its handler, which says where
// and stops the machine. All descriptions begin with the place in the source.
#ifdef TESSERA_KASAN

#include <lib/assert.h>

struct place {
    const char *file;
    uint32_t line, column;
};

#define HANDLER(name)                                                                   \
    void __ubsan_handle_##name(const struct place *place);                              \
    void __ubsan_handle_##name(const struct place *place) {                             \
        panic("ubsan: " #name " at %s:%u:%u", place->file, place->line, place->column); \
    }

HANDLER(type_mismatch_v1)
HANDLER(alignment_assumption)
HANDLER(add_overflow)
HANDLER(sub_overflow)
HANDLER(mul_overflow)
HANDLER(negate_overflow)
HANDLER(divrem_overflow)
HANDLER(shift_out_of_bounds)
HANDLER(out_of_bounds)
HANDLER(local_out_of_bounds)
HANDLER(builtin_unreachable)
HANDLER(missing_return)
HANDLER(vla_bound_not_positive)
HANDLER(float_cast_overflow)
HANDLER(load_invalid_value)
HANDLER(invalid_builtin)
HANDLER(function_type_mismatch)
HANDLER(implicit_conversion)
HANDLER(nonnull_arg)
HANDLER(pointer_overflow)

#endif

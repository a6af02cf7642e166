// SPDX-License-Identifier: MPL-2.0
// Formatted output to memory.
//
// One pass over the format: each % is parsed into a struct spec, its argument is fetched at full width, and one
// emitter a kind writes to a bounded sink that counts all but keeps only what fits.
// Symbols (%pS) are looked up by a hook, since the table is known to kernel/init only.
#include <lib/fmt.h>
#include <lib/string.h>

int (*fmt_symbol_hook)(uintptr_t address, char *to, size_t size);

struct sink {
    char *to;
    size_t size;
    size_t length; // of the whole text
};

struct spec {
    bool left, zero, plus, space, alternate, upper;
    int width;
    int precision; // -1: none
    int bytes;     // size of the integer argument
    char conversion;
};

static void put(struct sink *sink, char c) {
    if (sink->length + 1 < sink->size)
        sink->to[sink->length] = c;
    sink->length++;
}

static void put_repeated(struct sink *sink, char c, int count) {
    while (count-- > 0)
        put(sink, c);
}

static void put_text(struct sink *sink, const char *text, size_t length, const struct spec *spec) {
    int padding = spec->width - (int)length;
    if (!spec->left)
        put_repeated(sink, ' ', padding);
    for (size_t i = 0; i < length; i++)
        put(sink, text[i]);
    if (spec->left)
        put_repeated(sink, ' ', padding);
}

static void put_string(struct sink *sink, const char *s, const struct spec *spec) {
    if (s == nullptr)
        s = "(null)";
    put_text(sink, s, spec->precision >= 0 ? strnlen(s, (size_t)spec->precision) : strlen(s), spec);
}

// The digits of `value`, last one first; returns their number. Zero has one digit.
static int digits_of(uint64_t value, unsigned base, bool upper, char *digits) {
    const char *alphabet = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    int count = 0;
    do {
        digits[count++] = alphabet[value % base];
        value /= base;
    } while (value != 0);
    return count;
}

static void put_number(struct sink *sink, uint64_t value, const char *prefix, unsigned base, const struct spec *spec) {
    char digits[24];
    int count = value == 0 && spec->precision == 0 ? 0 : digits_of(value, base, spec->upper, digits);
    int zeros = spec->precision > count ? spec->precision - count : 0;
    if (spec->alternate && base == 8 && zeros == 0 && (count == 0 || digits[count - 1] != '0'))
        zeros = 1;
    int padding = spec->width - count - zeros - (int)strlen(prefix);
    if (spec->zero && !spec->left && spec->precision < 0 && padding > 0) {
        zeros += padding;
        padding = 0;
    }
    if (!spec->left)
        put_repeated(sink, ' ', padding);
    while (*prefix != '\0')
        put(sink, *prefix++);
    put_repeated(sink, '0', zeros);
    while (count > 0)
        put(sink, digits[--count]);
    if (spec->left)
        put_repeated(sink, ' ', padding);
}

static void put_signed(struct sink *sink, int64_t value, const struct spec *spec) {
    uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
    put_number(sink, magnitude, value < 0 ? "-" : spec->plus ? "+" : spec->space ? " " : "", 10, spec);
}

static void put_pointer(struct sink *sink, uintptr_t value, bool symbol, struct spec *spec) {
    char name[128];
    if (symbol && fmt_symbol_hook != nullptr) {
        int length = fmt_symbol_hook(value, name, sizeof(name));
        if (length > 0) {
            put_text(sink, name, strnlen(name, sizeof(name)), spec);
            return;
        }
    }
    put_number(sink, value, "0x", 16, spec);
}

static const char *parse_flags(const char *f, struct spec *spec) {
    for (;; f++) {
        switch (*f) {
        case '-':
            spec->left = true;
            break;
        case '0':
            spec->zero = true;
            break;
        case '+':
            spec->plus = true;
            break;
        case ' ':
            spec->space = true;
            break;
        case '#':
            spec->alternate = true;
            break;
        default:
            return f;
        }
    }
}

static const char *parse_int(const char *f, int *value) {
    for (*value = 0; *f >= '0' && *f <= '9'; f++)
        if (*value < 100'000)
            *value = *value * 10 + (*f - '0');
    return f;
}

static const char *parse_length(const char *f, struct spec *spec) {
    spec->bytes = 4;
    switch (*f) {
    case 'h':
        spec->bytes = f[1] == 'h' ? 1 : 2;
        return f + (f[1] == 'h' ? 2 : 1);
    case 'l':
        spec->bytes = 8;
        return f + (f[1] == 'l' ? 2 : 1);
    case 'z':
    case 'j':
    case 't':
        spec->bytes = 8;
        return f + 1;
    default:
        return f;
    }
}

static uint64_t narrow_unsigned(uint64_t value, int bytes) {
    return bytes == 8 ? value : value & ((1ull << (bytes * 8)) - 1);
}

static int64_t narrow_signed(uint64_t value, int bytes) {
    int shift = 64 - bytes * 8;
    return (int64_t)(value << shift) >> shift;
}

static void put_integer(struct sink *sink, uint64_t value, struct spec *spec) {
    switch (spec->conversion) {
    case 'd':
    case 'i':
        put_signed(sink, narrow_signed(value, spec->bytes), spec);
        return;
    case 'u':
        put_number(sink, narrow_unsigned(value, spec->bytes), "", 10, spec);
        return;
    case 'o':
        put_number(sink, narrow_unsigned(value, spec->bytes), "", 8, spec);
        return;
    default: // x, X
        spec->upper = spec->conversion == 'X';
        value = narrow_unsigned(value, spec->bytes);
        put_number(sink, value, !spec->alternate || value == 0 ? "" : spec->upper ? "0X" : "0x", 16, spec);
        return;
    }
}

int fmt_vsnprintf(char *to, size_t size, const char *format, va_list args_in) {
    struct sink sink = {to, size, 0};
    va_list args;
    va_copy(args, args_in);
    for (const char *f = format; *f != '\0'; f++) {
        if (*f != '%') {
            put(&sink, *f);
            continue;
        }
        struct spec spec = {.precision = -1};
        f = parse_flags(f + 1, &spec);
        if (*f == '*') {
            spec.width = va_arg(args, int);
            if (spec.width < 0) {
                spec.left = true;
                spec.width = -spec.width;
            }
            f++;
        } else {
            f = parse_int(f, &spec.width);
        }
        if (*f == '.') {
            if (*++f == '*') {
                spec.precision = va_arg(args, int);
                f++;
            } else {
                f = parse_int(f, &spec.precision);
            }
        }
        f = parse_length(f, &spec);
        spec.conversion = *f;
        switch (*f) {
        case 'd':
        case 'i':
        case 'u':
        case 'o':
        case 'x':
        case 'X':
            put_integer(&sink, spec.bytes == 8 ? va_arg(args, uint64_t) : va_arg(args, unsigned), &spec);
            break;
        case 'c': {
            char c = (char)va_arg(args, int);
            put_text(&sink, &c, 1, &spec);
            break;
        }
        case 's':
            put_string(&sink, va_arg(args, const char *), &spec);
            break;
        case 'p': {
            bool symbol = f[1] == 'S';
            put_pointer(&sink, (uintptr_t)va_arg(args, void *), symbol, &spec);
            f += symbol;
            break;
        }
        case '%':
            put(&sink, '%');
            break;
        default: // not ours: shown as it stands
            put(&sink, '%');
            if (*f == '\0')
                f--;
            else
                put(&sink, *f);
            break;
        }
    }
    va_end(args);
    if (size > 0)
        to[MIN(sink.length, size - 1)] = '\0';
    return (int)sink.length;
}

int fmt_snprintf(char *to, size_t size, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int length = fmt_vsnprintf(to, size, format, args);
    va_end(args);
    return length;
}

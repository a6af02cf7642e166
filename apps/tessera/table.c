// SPDX-License-Identifier: MPL-2.0
// Tables of text: read from tab-separated lines, printed in columns or as JSON.

#include "tessera.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *memory) {
    if (!memory)
        fail("out of memory");
    return memory;
}

static char *read_all(const char *path) {
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    size_t size = 0, room = 65536;
    char *text = checked(malloc(room));
    for (size_t got; (got = fread(text + size, 1, room - size - 1, file)) > 0;) {
        size += got;
        if (size + 1 == room)
            text = checked(realloc(text, room *= 2));
    }
    int error = ferror(file) ? errno : 0;
    fclose(file);
    text[size] = '\0';
    if (!error)
        return text;
    free(text);
    errno = error;
    return NULL;
}

// A row with as many cells as there are columns: missing ones are empty, more are left out.
static char **split(char *line, size_t columns) {
    static char none[] = "";
    char **cells = checked(calloc(columns + 1, sizeof *cells));
    for (size_t i = 0; i < columns; i++) {
        char *cell = line ? strsep(&line, "\t") : NULL;
        cells[i] = cell ? cell : none;
    }
    return cells;
}

bool table_read(struct table *table, const char *path) {
    *table = (struct table){.text = read_all(path)};
    if (!table->text)
        return false;
    char *rest = table->text, *line;
    while ((line = strsep(&rest, "\n"))) {
        if (!*line)
            continue;
        if (table->row_count == 0) {
            table->column_count = 1;
            for (const char *c = line; *c; c++)
                table->column_count += *c == '\t';
        }
        table->rows = checked(realloc(table->rows, (table->row_count + 1) * sizeof *table->rows));
        table->rows[table->row_count++] = split(line, table->column_count);
    }
    return true;
}

void table_free(struct table *table) {
    for (size_t i = 0; i < table->row_count; i++)
        free(table->rows[i]);
    free(table->rows);
    free(table->text);
}

int table_column(const struct table *table, const char *name) {
    for (size_t i = 0; table->row_count > 0 && i < table->column_count; i++)
        if (strcmp(table->rows[0][i], name) == 0)
            return (int)i;
    return -1;
}

// As JSON writes one, without an exponent: 7, 0.25.
static bool is_number(const char *text) {
    size_t digits = strspn(text, "0123456789"), length = strlen(text);
    if (digits == 0 || length >= 16 || (digits > 1 && text[0] == '0'))
        return false;
    return digits == length || (text[digits] == '.' && digits + 1 < length &&
                                strspn(text + digits + 1, "0123456789") == length - digits - 1);
}

// Bytes in K, M or G, if that is no longer.
static void scale(char *cell) {
    char shorter[32];
    double value = strtod(cell, NULL);
    size_t unit = 0;
    if (!is_number(cell) || value < 1024)
        return;
    while (value >= 1024 && unit < 4)
        value /= 1024, unit++;
    snprintf(shorter, sizeof shorter, value < 10 ? "%.1f%c" : "%.0f%c", value, " KMGT"[unit]);
    if (strlen(shorter) <= strlen(cell))
        strcpy(cell, shorter);
}

// The cells of a column and of the next one become one: USED/LIMIT.
static void fold(struct table *table, size_t column) {
    for (size_t row = 0; row < table->row_count; row++) {
        char **cells = table->rows[row];
        if (row > 0) {
            char *end = cells[column] + strlen(cells[column]);
            *end = '/'; // the cells lie one behind the other in `text`, with at least a byte between them
            memmove(end + 1, cells[column + 1], strlen(cells[column + 1]) + 1);
        }
        memmove(cells + column + 1, cells + column + 2, (table->column_count - column - 2) * sizeof *cells);
    }
    table->column_count--;
}

void table_shorten(struct table *table, const char *bytes) {
    for (size_t i = 0; table->row_count > 0 && i < table->column_count; i++) {
        const char *name = table->rows[0][i], *next = i + 1 < table->column_count ? table->rows[0][i + 1] : "";
        size_t length = strlen(name);
        bool limited = strncmp(next, name, length) == 0 && strcmp(next + length, "_limit") == 0;
        for (size_t row = 1; row < table->row_count; row++) {
            char *cell = table->rows[row][i];
            if (strcmp(name, "rights") == 0) {
                char *to = cell;
                for (const char *from = cell; *from; from++)
                    if (*from != '-')
                        *to++ = *from;
                *to = '\0';
            } else if (bytes && strcmp(name, bytes) == 0) {
                scale(cell);
                if (limited)
                    scale(table->rows[row][i + 1]);
            }
        }
        if (limited)
            fold(table, i);
    }
}

// Numbers to the right, text to the left; the last column as it is.
void table_print(const struct table *table) {
    size_t *width = checked(calloc(table->column_count + 1, sizeof *width));
    bool *text = checked(calloc(table->column_count + 1, sizeof *text));
    for (size_t row = 0; row < table->row_count; row++)
        for (size_t i = 0; i < table->column_count; i++) {
            const char *cell = table->rows[row][i];
            size_t length = strlen(cell);
            width[i] = length > width[i] ? length : width[i];
            text[i] |= row > 0 && !is_number(cell) && strcmp(cell, "-") != 0;
        }
    for (size_t row = 0; row < table->row_count; row++)
        for (size_t i = 0; i < table->column_count; i++) {
            bool last = i + 1 == table->column_count;
            int room = last && text[i] ? 0 : (int)width[i];
            printf("%*s%s", text[i] ? -room : room, table->rows[row][i], last ? "\n" : "  ");
        }
    free(width);
    free(text);
}

void print_json_text(const char *text) {
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
}

static void print_string(const char *text) {
    putchar('"');
    print_json_text(text);
    putchar('"');
}

void table_print_json(const struct table *table) {
    putchar('[');
    for (size_t row = 1; row < table->row_count; row++) {
        printf(row > 1 ? ",\n {" : "\n {");
        for (size_t i = 0; i < table->column_count; i++) {
            const char *cell = table->rows[row][i];
            if (i > 0)
                printf(", ");
            print_string(table->rows[0][i]);
            printf(": ");
            if (strcmp(cell, "-") == 0)
                printf("null");
            else if (is_number(cell))
                printf("%s", cell);
            else
                print_string(cell);
        }
        putchar('}');
    }
    puts(table->row_count > 1 ? "\n]" : "]");
}

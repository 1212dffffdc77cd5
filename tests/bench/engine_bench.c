/* tests/bench/engine_bench.c -- speed of the template engine's parts over a folder of raw logs.
 *
 *   engine_bench FILE... : MB/s of the shape pass, and what it found. */
#include "store/shaped_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    struct buf text = buf_empty((size_t)1 << 30);
    struct error err = {0};
    struct segment_row *rows = calloc(4000000, sizeof(*rows));
    struct event *events = calloc(4000000, sizeof(*events));
    size_t count = 0, at = 0;
    static const struct slice formats[] = {{"f", 1}};
    struct shaped_rows shaped;
    double start;

    for (int i = 1; i < argc; i++)
        if (io_read_file(io_system(), argv[i], &text, &err) != STATUS_OK)
            fprintf(stderr, "%s\n", err.message);
    while (at < text.len) {
        char *end = memchr(text.data + at, '\n', text.len - at);
        size_t len = end == NULL ? text.len - at : (size_t)(end - text.data) - at;
        events[count] = (struct event){.bytes = {text.data + at, len}, .time_ns = 1772409600000000000};
        rows[count] = (struct segment_row){.event = &events[count], .sequence = count};
        count++;
        at += len + 1;
    }
    struct segment_content content = {.rows = rows, .row_count = count, .formats = formats, .format_count = 1};
    for (int round = 0; round < 3; round++) {
        start = now_s();
        if (shaped_rows_make(&shaped, &content, false, &err) != STATUS_OK)
            return 1;
        double took = now_s() - start;
        printf("%zu rows %.1f MB: %.1f MB/s, %.0f ns/row; %u raw templates, %u families, %u templates, %.1f slots/row, %llu rows as text\n", count, (double)text.len / 1e6,
               (double)text.len / 1e6 / took, took / (double)count * 1e9, shaped.table.count, shaped.set.family_count, shaped.set.template_count,
               (double)shaped.value_count / (double)count,
               (unsigned long long)(shaped.family_start[shaped.set.family_count + 1] - shaped.family_start[shaped.set.family_count]));
        if (round == 2 && getenv("SHOW"))
            for (uint32_t f = 0; f < shaped.set.family_count; f++) {
                const struct family *family = &shaped.set.families[f];
                const struct template *t = shaped.set.templates[family->first_template];
                printf("%8llu rows %5u templates %3u slots: ", (unsigned long long)family->row_count, family->template_count, family->slot_count);
                for (uint32_t g = 0; g <= t->slot_count; g++) {
                    printf("%.*s", SLICE_ARG(template_gap(t, g)));
                    if (g < t->slot_count)
                        printf("\033[7m%c%d\033[m", "TIPD4UHS"[t->kinds[g].type], t->kinds[g].param);
                }
                printf("\n");
            }
        shaped_rows_release(&shaped);
    }
    return 0;
}

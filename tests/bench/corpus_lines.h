/* tests/bench/corpus_lines.h -- the kinds of log of the corpus and how one line of each is written.
 * Grammars: FORMATS of the five systems and their neighbours; every value is invented.
 * Thread safety: one thread per corpus. */
#ifndef DENDRO_TESTS_BENCH_CORPUS_LINES_H
#define DENDRO_TESTS_BENCH_CORPUS_LINES_H

#include "base/buf.h"
#include "tests/bench/corpus_random.h"

#include <stdint.h>

enum { TENANT_COUNT = 400, APP_COUNT = 3000, OPEN_TASK_COUNT = 64 };

/* What one simulated request or task shares between the logs that mention it. */
struct corpus_task {
    char id[37]; /* UUID text */
    const char *name;
};

struct corpus {
    struct corpus_random random;
    int64_t now_us; /* simulated clock: microseconds since the epoch, UTC */
    struct corpus_task tasks[OPEN_TASK_COUNT]; /* received, not yet finished */
    uint32_t task_count;
    uint64_t csv_line; /* session line numbers of PostgreSQL */
};

struct corpus_kind {
    const char *name;   /* file name stem */
    const char *role, *format;
    unsigned weight;    /* share of the lines, in parts per thousand */
    unsigned files;     /* files of this kind, spread over the hosts of the role */
    void (*write)(struct corpus *corpus, uint32_t file, struct buf *out); /* one event */
};

extern const struct corpus_kind corpus_kinds[];
extern const unsigned corpus_kind_count;

#endif

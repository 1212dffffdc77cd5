/* tests/bench/corpus.c -- writes the bench's corpus: logs of one web stack in a folder.
 *
 *   corpus DIR SIZE_MB [SEED]
 *
 * The same seed and size give the same bytes on every machine. DIR gets ROLE/HOST/FILE, and
 * DIR/files.tsv with role, host, format, path, lines and bytes of each file: the ground truth that
 * the bench checks answers against. The simulated day starts at 2026-03-02T00:00:00Z. */
#include "tests/bench/corpus_lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { FILES_MAX = 256, MICROSECONDS_PER_EVENT = 2500 /* 400 events/s over the stack */ };

struct corpus_file {
    const struct corpus_kind *kind;
    FILE *out;
    uint64_t lines, bytes;
    uint32_t number; /* within its kind */
    char host[32];
    char path[512];
};

static struct corpus_file files[FILES_MAX];
static unsigned file_count;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "corpus: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void make_dir(const char *path)
{
    if (mkdir(path, 0755) != 0 && errno != EEXIST)
        fail(path);
}

/* "dir/role" or "dir/role/rest" in file->path. */
static const char *path_of(struct corpus_file *file, const char *dir, const char *role, const char *rest)
{
    int len = snprintf(file->path, sizeof(file->path), "%s/%s%s%s", dir, role, rest == NULL ? "" : "/",
                       rest == NULL ? "" : rest);

    if (len < 0 || (size_t)len >= sizeof(file->path)) {
        errno = ENAMETOOLONG;
        fail(dir);
    }
    return file->path;
}

static void open_files(const char *dir)
{
    make_dir(dir);
    for (unsigned k = 0; k < corpus_kind_count; k++)
        for (unsigned i = 0; i < corpus_kinds[k].files; i++) {
            struct corpus_file *file = &files[file_count++];
            char host[32];
            char name[128];

            file->kind = &corpus_kinds[k];
            file->number = i;
            (void)snprintf(host, sizeof(host), "%s%u", file->kind->role, i % 10 + 1);
            memcpy(file->host, host, sizeof(host));
            make_dir(path_of(file, dir, file->kind->role, NULL));
            make_dir(path_of(file, dir, file->kind->role, host));
            (void)snprintf(name, sizeof(name), "%s/%u-%s", host, i / 10, file->kind->name);
            (void)path_of(file, dir, file->kind->role, name);
            file->out = fopen(file->path, "w");
            if (file->out == NULL)
                fail(file->path);
        }
}

static struct corpus_file *pick_file(struct corpus *corpus)
{
    uint32_t at = random_below(&corpus->random, 1000);
    unsigned first = 0;

    for (unsigned k = 0; k < corpus_kind_count; k++) {
        if (at < corpus_kinds[k].weight || k == corpus_kind_count - 1)
            return &files[first + random_below(&corpus->random, corpus_kinds[k].files)];
        at -= corpus_kinds[k].weight;
        first += corpus_kinds[k].files;
    }
    return &files[0];
}

static void write_event(struct corpus *corpus, struct corpus_file *file, struct buf *line)
{
    buf_reset(line);
    file->kind->write(corpus, file->number, line);
    (void)buf_append_byte(line, '\n');
    if (fwrite(line->data, 1, line->len, file->out) != line->len)
        fail(file->path);
    for (size_t i = 0; i < line->len; i++)
        file->lines += line->data[i] == '\n';
    file->bytes += line->len;
}

static void close_files(const char *dir)
{
    char path[512];
    FILE *table;

    (void)snprintf(path, sizeof(path), "%s/files.tsv", dir);
    table = fopen(path, "w");
    if (table == NULL)
        fail(path);
    for (unsigned i = 0; i < file_count; i++) {
        const struct corpus_file *file = &files[i];

        fprintf(table, "%s\t%s\t%s\t%s\t%llu\t%llu\n", file->kind->role, file->host, file->kind->format, file->path,
                (unsigned long long)file->lines, (unsigned long long)file->bytes);
        if (fclose(file->out) != 0)
            fail(file->path);
    }
    if (fclose(table) != 0)
        fail(path);
}

int main(int argc, char **argv)
{
    struct corpus corpus = {.random = {1}, .now_us = 1772409600000000 /* 2026-03-02T00:00:00Z */};
    struct buf line = buf_empty(1 << 20);
    uint64_t size_max, size = 0;

    if (argc < 3 || argc > 4 || (size_max = strtoull(argv[2], NULL, 10) * 1000000) == 0) {
        fprintf(stderr, "Usage: corpus DIR SIZE_MB [SEED]\n");
        return 2;
    }
    if (argc == 4)
        corpus.random.state = strtoull(argv[3], NULL, 10);
    open_files(argv[1]);
    while (size < size_max) {
        struct corpus_file *file = pick_file(&corpus);

        corpus.now_us += random_below(&corpus.random, 2 * MICROSECONDS_PER_EVENT);
        write_event(&corpus, file, &line);
        size += line.len;
    }
    close_files(argv[1]);
    buf_release(&line);
    return 0;
}

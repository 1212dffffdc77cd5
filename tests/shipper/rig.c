/* tests/shipper/rig.c -- see the header. */
#include "tests/shipper/rig.h"

#include "base/compress.h"
#include "shipper/limits.h"
#include "shipper/options.h"

#include <stdio.h>
#include <stdlib.h>

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

enum { STEPS_PER_MOMENT_MAX = 10000 };

void rig_init(struct rig *rig, const char *pattern)
{
    memset(rig, 0, sizeof(*rig));
    rig->sim = sim_io_new(1);
    rig->io = sim_io_table(rig->sim);
    rig->fake = fake_collector_new();
    rig->arena = arena_empty(1 << 20);
    MUST(shipper_settings_preset(&rig->arena, &rig->settings, NULL) == STATUS_OK);
    MUST(rig->io->path->make_dir(rig->io, "/log") == 0);
    rig->settings.state = "/state";
    rig->settings.geo = "test";
    rig->settings.host = "host";
    rig->settings.host_metrics = false;
    rig->source = (struct source_settings){.path = pattern,
                                           .role = "web",
                                           .format = "",
                                           .start_at = START_BEGINNING,
                                           .idle_ns = 5 * SECOND_NS,
                                           .line_size_max = 1 << 20};
    rig->settings.source_list = (struct table_list){&rig->source, 1};
    MUST(shipper_settings_finish(&rig->settings, &rig->arena, NULL) == STATUS_OK);
}

void rig_start(struct rig *rig)
{
    struct error err = {0};

    if (shipper_new(rig->io, &rig->settings, &rig->fake->base, &rig->shipper, &err) != STATUS_OK) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
}

void rig_stop(struct rig *rig)
{
    shipper_free(rig->shipper);
    rig->shipper = NULL;
}

void rig_kill(struct rig *rig)
{
    sim_io_faults(rig->sim)->crash_after = 1; /* whatever it still wants to write fails */
    sim_io_kill(rig->sim);
    shipper_free(rig->shipper);
    rig->shipper = NULL;
    sim_io_crash(rig->sim, SIM_CRASH_ALL_KEPT);
}

void rig_release(struct rig *rig)
{
    shipper_free(rig->shipper);
    fake_collector_free(rig->fake);
    MUST(sim_io_open_count(rig->sim) == 0);
    sim_io_free(rig->sim);
    arena_release(&rig->arena);
}

void rig_check_accounts(const struct rig *rig)
{
    struct shipper_accounts accounts = shipper_accounts_of(rig->shipper);
    uint64_t sum = accounts.acked + accounts.pending;

    for (unsigned i = 0; i < LOSS_REASON_END; i++)
        sum += accounts.dropped[i];
    MUST(sum == accounts.read);
}

void rig_run(struct rig *rig, int64_t ms)
{
    int64_t end = io_mono_ns(rig->io) + ms * MILLISECOND_NS;

    for (;;) {
        int64_t due = 0, now;
        bool busy = true;

        for (unsigned i = 0; busy && i < STEPS_PER_MOMENT_MAX; i++) {
            due = shipper_step(rig->shipper);
            busy = fake_collector_run(rig->fake) || due <= io_mono_ns(rig->io);
        }
        MUST(!busy);
        rig_check_accounts(rig);
        now = io_mono_ns(rig->io);
        if (now >= end)
            return;
        sim_io_advance(rig->sim, (due < end ? due : end) - now);
    }
}

/* ---- writers ---- */

static int open_for_write(struct rig *rig, const char *path, int more)
{
    int fd = rig->io->file->open(rig->io, path, IO_READ | IO_WRITE | IO_CREATE | more);

    MUST(fd >= 0);
    return fd;
}

static uint64_t size_of(struct rig *rig, int fd)
{
    struct io_info info;

    MUST(rig->io->file->info(rig->io, fd, &info) == 0);
    return info.size;
}

void rig_write_at(struct rig *rig, const char *path, uint64_t offset, const char *text)
{
    int fd = open_for_write(rig, path, 0);

    MUST(io_write_all(rig->io, fd, text, strlen(text), offset, path, NULL) == STATUS_OK);
    io_close(rig->io, &fd);
}

void rig_append(struct rig *rig, const char *path, const char *text)
{
    int fd = open_for_write(rig, path, 0);

    MUST(io_write_all(rig->io, fd, text, strlen(text), size_of(rig, fd), path, NULL) == STATUS_OK);
    io_close(rig->io, &fd);
}

void rig_truncate(struct rig *rig, const char *path, uint64_t size)
{
    int fd = open_for_write(rig, path, 0);

    MUST(rig->io->file->truncate(rig->io, fd, size) == 0);
    io_close(rig->io, &fd);
}

void rig_rename(struct rig *rig, const char *from, const char *to)
{
    MUST(rig->io->path->rename(rig->io, from, to) == 0);
}

void rig_unlink(struct rig *rig, const char *path)
{
    MUST(rig->io->path->unlink(rig->io, path) == 0);
}

static void put(struct rig *rig, const char *path, struct slice bytes)
{
    int fd = open_for_write(rig, path, IO_TRUNCATE);

    MUST(io_write_all(rig->io, fd, bytes.data, bytes.len, 0, path, NULL) == STATUS_OK);
    io_close(rig->io, &fd);
}

void rig_copy(struct rig *rig, const char *from, const char *to)
{
    struct buf content = buf_empty(64 << 20);

    MUST(io_read_file(rig->io, from, &content, NULL) == STATUS_OK);
    put(rig, to, buf_slice(&content));
    buf_release(&content);
}

void rig_gzip(struct rig *rig, const char *from, const char *to)
{
    struct buf content = buf_empty(64 << 20), packed = buf_empty(64 << 20);
    struct compressor *compressor;

    MUST(compressor_new(&compressor, NULL) == STATUS_OK);
    MUST(io_read_file(rig->io, from, &content, NULL) == STATUS_OK);
    MUST(compress_append(compressor, CODEC_GZIP, 1, buf_slice(&content), &packed, NULL) ==
         STATUS_OK);
    put(rig, to, buf_slice(&packed));
    compressor_free(compressor);
    buf_release(&content);
    buf_release(&packed);
}

void rig_lines(struct rig *rig, const char *path, const char *prefix, unsigned first, unsigned last)
{
    struct buf text = buf_empty(64 << 20);

    for (unsigned i = first; i <= last; i++)
        MUST(buf_printf(&text, "%s %u\n", prefix, i));
    MUST(buf_append_byte(&text, '\0'));
    rig_append(rig, path, text.data);
    buf_release(&text);
}

void rig_expect(struct rig *rig, const char *path, const char *text)
{
    char *got = fake_collector_text(rig->fake, path);

    if (strcmp(got, text) != 0) {
        fprintf(stderr, "%s: stored \"%.400s\"\n  expected \"%.400s\"\n", path, got, text);
        abort();
    }
    free(got);
}

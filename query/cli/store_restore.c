/* query/cli/store_restore.c -- files back, erasures of newer receipts again, another incarnation. All of
 * it beside the final name: a collector that is started on a restore that failed must not show rows that
 * were erased. */
#include "query/cli/store_restore.h"

#include "base/time_stamp.h"
#include "query/cli/command.h"
#include "query/kept_filter.h"
#include "store/backup.h"
#include "store/erase.h"
#include "store/receipt.h"
#include "store/store.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

enum { PATH_TEXT_MAX = 4096 };

struct restoring {
    struct store *store;
    const char *receipts;
    uint64_t erasures;
    struct store_stats stats; /* when all is done */
    bool failed;
};

/* ---- receipts ---- */

struct known {
    int64_t requested_ns;
    bool found;
};

static bool compare_known(void *user, const struct erase_receipt *receipt)
{
    struct known *known = user;

    known->found = known->found || receipt->requested_ns == known->requested_ns;
    return true;
}

/* A time of a receipt; `open` where it is null. False: it is no time. */
static bool time_of(json_t *receipt, const char *key, int64_t open, int64_t *out)
{
    json_t *value = json_object_get(receipt, key);
    struct slice text = slice_of(json_string_value(value));
    struct stamp stamp;

    *out = open;
    if (json_is_null(value))
        return true;
    if (text.len == 0 || stamp_parse_iso(text, &stamp) != text.len)
        return false;
    *out = stamp.time_ns;
    return true;
}

static bool erase_again(struct restoring *at, json_t *receipt, const char *path)
{
    const char *filter = json_string_value(json_object_get(receipt, "filter"));
    struct known known = {0};
    struct erase_request request = {.by = SLICE_LITERAL("restore")};
    struct error err = {0};
    uint64_t number;

    if (filter == NULL || !time_of(receipt, "requested", 0, &known.requested_ns) ||
        !time_of(receipt, "start", INT64_MIN, &request.time_min_ns) ||
        !time_of(receipt, "end", INT64_MAX, &request.time_max_ns)) {
        command_say("%s is not a receipt", path);
        return false;
    }
    store_erasures(at->store, compare_known, &known);
    if (known.found)
        return true; /* the snapshot is younger */
    request.filter = slice_of(filter);
    if (store_erase(at->store, &request, &number, &err) != STATUS_OK) {
        command_say("%s: %s", path, err.message);
        return false;
    }
    at->erasures++;
    return true;
}

static bool visit_receipt(void *user, const char *name)
{
    struct restoring *at = user;
    struct buf text = buf_empty(RECEIPT_SIZE_MAX);
    char path[PATH_TEXT_MAX];
    struct error err = {0};
    json_t *receipt = NULL;

    if (!slice_ends(slice_of(name), SLICE_LITERAL(".json")))
        return true;
    (void)snprintf(path, sizeof(path), "%s/%s", at->receipts, name);
    if (io_read_file(io_system(), path, &text, &err) == STATUS_OK)
        receipt = json_loadb(text.data, text.len, 0, NULL);
    if (receipt == NULL)
        command_say("%s cannot be read", path);
    if (receipt == NULL || !erase_again(at, receipt, path))
        at->failed = true;
    json_decref(receipt);
    buf_release(&text);
    return !at->failed;
}

static bool any_unfinished(void *user, const struct erase_receipt *receipt)
{
    *(bool *)user = *(bool *)user || receipt->state != ERASE_FINISHED;
    return true;
}

/* ---- the store ---- */

static enum status settle(struct store *store, struct error *err)
{
    enum status status = STATUS_OK;
    bool unfinished = false;

    while (status == STATUS_OK)
        status = store_step(store, err);
    if (status != STATUS_END)
        return status;
    store_erasures(store, any_unfinished, &unfinished);
    return unfinished ? error_set(err, STATUS_CORRUPT,
                                  "an erasure is not finished: its rows are hidden; see "
                                  "dendro erase --list when the collector runs")
                      : STATUS_OK;
}

static void say_done(const struct restoring *at, const char *dir)
{
    (void)printf("%s: %" PRIu64 " rows and %" PRIu64 " samples in %" PRIu64 " segments; %" PRIu64
                 " erasures done again\n",
                 dir, at->stats.rows, at->stats.samples, at->stats.segments, at->erasures);
}

static enum status open_and_renew(struct restoring *at, const char *dir, struct error *err)
{
    struct store_options options = {
        .dir = dir, .manual = true, .make_filter = kept_filter_make, .shard_count = 1};
    enum status status = store_open(&options, &at->store, err);
    int done;

    if (status != STATUS_OK)
        return status;
    if (at->receipts != NULL) {
        done = io_system()->path->list(io_system(), at->receipts, visit_receipt, at);
        if (done < 0)
            status = error_set_errno(err, -done, "cannot list %s", at->receipts);
        else if (at->failed)
            status = error_set(err, STATUS_INVALID, "a receipt could not be done again");
    }
    if (status == STATUS_OK)
        status = settle(at->store, err);
    if (status == STATUS_OK)
        status = store_renew(at->store, err);
    if (status == STATUS_OK)
        store_stats(at->store, &at->stats);
    store_close(at->store);
    return status;
}

/* The receipts of the store that the snapshot is still in: STORE/snapshots/NAME. NULL: it is elsewhere. */
static const char *live_receipts(const char *snapshot, char out[PATH_TEXT_MAX])
{
    struct slice path = slice_of(snapshot), folder;
    struct io_info info;
    size_t slash;

    while (path.len > 0 && path.data[path.len - 1] == '/')
        path.len--;
    slash = slice_find_last_byte(path, '/');
    if (slash == SIZE_MAX)
        return NULL;
    folder = slice_first(path, slash);
    if (!slice_ends(folder, SLICE_LITERAL("/snapshots")))
        return NULL;
    folder.len -= strlen("/snapshots");
    (void)snprintf(out, PATH_TEXT_MAX, "%.*s/receipts", SLICE_ARG(folder));
    return io_system()->path->info(io_system(), out, &info) == 0 ? out : NULL;
}

/* ---- the folder ---- */

static bool visit_any(void *user, const char *name)
{
    (void)name;
    *(bool *)user = true;
    return false;
}

/* Nothing that is found out later than this leaves anything behind. */
static enum status check_folders(const struct restoring *at, const char *store, struct error *err)
{
    bool any = false;
    int done = at->receipts == NULL
                   ? 0
                   : io_system()->path->list(io_system(), at->receipts, visit_any, &any);

    if (done < 0)
        return error_set_errno(err, -done, "cannot list the receipts in %s", at->receipts);
    any = false;
    (void)io_system()->path->list(io_system(), store, visit_any, &any);
    if (!any)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID,
                     "there is something in %s: move it away, or name another directory", store);
}

static enum status restore_into(struct restoring *at, const char *snapshot, const char *dir,
                                struct error *err)
{
    char store[PATH_TEXT_MAX], made[PATH_TEXT_MAX];
    enum status status;

    (void)snprintf(store, sizeof(store), "%s/store", dir);
    (void)snprintf(made, sizeof(made), "%s/store.unfinished", dir);
    status = check_folders(at, store, err);
    if (status == STATUS_OK)
        status = store_restore_files(io_system(), snapshot, made, err);
    if (status != STATUS_OK)
        return status;
    if (at->receipts == NULL)
        command_say("no receipts are named: rows that were erased after the snapshot come back "
                    "(--receipts DIRECTORY)");
    status = open_and_renew(at, made, err);
    if (status == STATUS_OK)
        status = io_rename(io_system(), made, store, err);
    if (status == STATUS_OK)
        status = io_sync_dir(io_system(), dir, err);
    if (status == STATUS_OK)
        say_done(at, store);
    else
        command_say("remove %s before the next try", made);
    return status;
}

int store_restore(const char *snapshot, const char *dir, const char *receipts)
{
    struct restoring at = {.receipts = receipts};
    struct error err = {0};
    char live[PATH_TEXT_MAX];
    enum status status;

    if (receipts == NULL)
        at.receipts = live_receipts(snapshot, live);
    status = restore_into(&at, snapshot, dir, &err);
    if (status != STATUS_OK)
        command_say("%s", err.message);
    return status == STATUS_OK && fflush(stdout) == 0 ? DENDRO_FOUND : DENDRO_ERROR;
}

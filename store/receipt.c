/* store/receipt.c -- receipts as JSON. */
#include "store/receipt.h"

#include "base/json_writer.h"
#include "store/manifest_edit.h"
#include "store/paths.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void put_time(struct json_writer *json, const char *name, int64_t time_ns, int64_t open)
{
    jsonw_key(json, name);
    if (time_ns == open)
        jsonw_null(json);
    else
        jsonw_time(json, time_ns);
}

static void put_receipt(struct json_writer *json, const struct erase_receipt *receipt)
{
    const struct json_number numbers[] = {
        {"sequence_max", receipt->sequence_max},
        {"rows", receipt->rows},
        {"samples", receipt->samples},
        {"segments", receipt->segments},
        {"undecided", receipt->undecided},
    };

    jsonw_key(json, "number");
    jsonw_u64(json, receipt->number);
    jsonw_key(json, "state");
    jsonw_string(json, erase_state_name(receipt->state));
    put_time(json, "requested", receipt->requested_ns, 0);
    put_time(json, "finished", receipt->finished_ns, 0);
    jsonw_key(json, "by");
    jsonw_text(json, receipt->by);
    jsonw_key(json, "filter");
    jsonw_text(json, receipt->filter);
    put_time(json, "start", receipt->time_min_ns, INT64_MIN);
    put_time(json, "end", receipt->time_max_ns, INT64_MAX);
    jsonw_numbers(json, numbers, COUNT_OF(numbers));
    jsonw_key(json, "complete");
    jsonw_bool(json, receipt->state == ERASE_FINISHED && receipt->undecided == 0);
    if (receipt->problem[0] != '\0') {
        jsonw_key(json, "problem");
        jsonw_string(json, receipt->problem);
    }
}

void receipt_put(struct json_writer *json, const struct erase_receipt *receipt)
{
    jsonw_object(json);
    put_receipt(json, receipt);
    jsonw_end_object(json);
}

/* "20260101/0000000000000001.seg", as below segments/; number 0: null. */
static void put_segment(struct json_writer *json, const char *key, int64_t day, uint64_t number)
{
    char path[PATH_SIZE_MAX];

    path_segment(path, "", day, number);
    jsonw_key(json, key);
    if (number == 0)
        jsonw_null(json);
    else
        jsonw_string(json, path + strlen("/segments/"));
}

static void put_rewritten(struct json_writer *json, const struct manifest_erased *done)
{
    const struct json_number numbers[] = {
        {"rows", done->rows},
        {"samples", done->samples},
        {"bytes_before", done->bytes_before},
        {"bytes_after", done->bytes_after},
    };

    jsonw_object(json);
    put_segment(json, "segment", done->day, done->segment);
    put_segment(json, "became", done->day, done->made);
    jsonw_numbers(json, numbers, COUNT_OF(numbers));
    jsonw_end_object(json);
}

static void put_whole(struct json_writer *json, const struct erase_receipt *receipt)
{
    jsonw_object(json);
    put_receipt(json, receipt);
    jsonw_key(json, "rewritten");
    jsonw_array(json);
    for (uint32_t i = 0; i < receipt->done_count; i++)
        put_rewritten(json, &receipt->done[i]);
    jsonw_end_array(json);
    jsonw_end_object(json);
}

enum status receipt_write(struct io *io, const char *dir, const struct erase_receipt *receipt,
                          struct error *err)
{
    struct buf text = buf_empty(RECEIPT_SIZE_MAX);
    struct json_writer json;
    char folder[PATH_SIZE_MAX], name[40], path[PATH_SIZE_MAX];
    enum status status;

    jsonw_begin(&json, &text);
    put_whole(&json, receipt);
    (void)buf_append_byte(&text, '\n');
    status = buf_check(&text, "a receipt", err);
    path_join(folder, dir, "receipts");
    (void)snprintf(name, sizeof(name), "%" PRIu64 ".json", receipt->number);
    path_join(path, folder, name);
    if (status == STATUS_OK)
        status = io_make_dirs(io, folder, err);
    if (status == STATUS_OK)
        status = io_sync_dir(io, dir, err);
    if (status == STATUS_OK)
        status = io_replace_file(io, path, buf_slice(&text), err);
    buf_release(&text);
    return status;
}

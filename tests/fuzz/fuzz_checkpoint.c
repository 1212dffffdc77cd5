/* Checkpoint files from hostile bytes. An even first byte: the rest is a whole file. An odd one:
 * the rest is the body of a record of the type in the second byte, which gets a right checksum, so
 * that the fuzzer gets behind it; what is delivered must encode to the same record again. */
#include "shipper/checkpoint_format.h"
#include "shipper/limits.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    struct buf again; /* the record, encoded from what was delivered */
    unsigned count;
};

static void on_meta(void *user, const struct checkpoint_meta *meta)
{
    struct seen *seen = user;

    seen->count++;
    checkpoint_append_meta(&seen->again, 1, 1, meta);
}

static void on_generation(void *user, const struct generation *generation)
{
    struct seen *seen = user;

    seen->count++;
    if (generation->prefix_len > PREFIX_SIZE_MAX || strlen(generation->path) >= GLOB_SIZE_MAX)
        abort();
    checkpoint_append_generation(&seen->again, 1, 1, generation);
}

static void on_forget(void *user, const uint8_t gen_id[GEN_ID_SIZE], uint32_t trunc_no)
{
    struct seen *seen = user;

    seen->count++;
    checkpoint_append_forget(&seen->again, 1, 1, gen_id, trunc_no);
}

static void check_body(struct slice body, uint32_t type, const struct checkpoint_reader *reader,
                       struct seen *seen)
{
    struct checkpoint_record_head head;
    struct slice rest, again;

    if (!checkpoint_deliver(type, body, reader) || seen->count == 0)
        return;
    rest = buf_slice(&seen->again);
    if (!checkpoint_take_record(&rest, 1, &head, &again) || head.type != type || rest.len != 0)
        abort();
    /* Flags and varints have more than one form on input; the second round must be stable. */
    if (!checkpoint_deliver(type, again, reader))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen seen = {.again = buf_empty(1 << 20)};
    struct checkpoint_reader reader = {on_meta, on_generation, on_forget, &seen};
    struct checkpoint_report report = {0};

    if (size < 2)
        return 0;
    if (data[0] & 1)
        check_body(slice_make(data + 2, size - 2), data[1] % RECORD_END, &reader, &seen);
    else
        (void)checkpoint_parse(slice_make(data + 1, size - 1), 1, &reader, &report);
    buf_release(&seen.again);
    return 0;
}

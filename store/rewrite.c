/* store/rewrite.c -- read, leave out, sort, write. */
#include "store/rewrite.h"

#include "store/row_set.h"

#include <stdlib.h>

/* A bound against damaged or hostile files; callers bound the raw bytes of what they join. */
#define ROW_SET_SIZE_MAX ((size_t)4 << 30)

static enum status add_input(struct io *io, const struct rewrite *rewrite, const char *path,
                             struct row_set *set, struct error *err)
{
    struct mask *masks = malloc((rewrite->mask_count + 1) * sizeof(*masks));
    struct segment *segment;
    enum status status = STATUS_OK;

    if (masks == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory to write segments again");
    /* Opened apart from the catalog, so that what it decodes is given back at once. */
    status = segment_open(io, path, rewrite->names, &segment, err);
    if (status == STATUS_OK) {
        uint32_t count =
            masks_of_segment(rewrite->masks, rewrite->mask_count, segment, masks);

        /* One input that no mask can meet: its rows need not be looked at. */
        if (count > 0 || rewrite->input_count > 1)
            status = row_set_add(set, segment, masks, count, err);
        segment_close(segment);
    }
    free(masks);
    return status;
}

static enum status write_output(struct io *io, const struct rewrite *rewrite, struct row_set *set,
                                struct rewrite_result *out, struct error *err)
{
    struct segment_content content;
    enum status status = row_set_content(set, rewrite->names, &content, err);

    if (status != STATUS_OK || content.row_count + content.sample_count == 0)
        return status;
    return segment_write(io, rewrite->output, &content, &out->summary, err);
}

enum status rewrite_segments(struct io *io, const struct rewrite *rewrite,
                             struct rewrite_result *out, struct error *err)
{
    struct error local = {0};
    struct row_set set;
    enum status status = STATUS_OK;

    if (err == NULL)
        err = &local;
    *out = (struct rewrite_result){0};
    row_set_init(&set, ROW_SET_SIZE_MAX);
    for (uint32_t i = 0; i < rewrite->input_count && status == STATUS_OK; i++)
        status = add_input(io, rewrite, rewrite->inputs[i], &set, err);
    out->rows_masked = set.rows_masked;
    out->samples_masked = set.samples_masked;
    out->unchanged = rewrite->input_count == 1 && set.rows_masked + set.samples_masked == 0;
    if (status == STATUS_OK && !out->unchanged)
        status = write_output(io, rewrite, &set, out, err);
    row_set_release(&set);
    return status;
}

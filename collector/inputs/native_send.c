/* What goes out. A shipper that does not read its acks is cut off at OUTPUT_SIZE_MAX, so that no
 * connection can hold more of our memory than that. */
#include "collector/inputs/native_private.h"

#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct pending_write {
    uv_write_t request; /* .data is not used: the buffer is the struct's own */
    struct buf bytes;
};

static void on_written(uv_write_t *request, int status)
{
    struct pending_write *pending = (struct pending_write *)request;

    (void)status; /* an error also ends the read side, which closes */
    buf_release(&pending->bytes);
    free(pending);
}

static struct pending_write *pending_new(enum frame_type type, struct slice body)
{
    struct pending_write *pending = calloc(1, sizeof(*pending));
    struct frame_fields fields = {.type = type, .lane = LANE_CONTROL};

    if (pending == NULL)
        return NULL;
    pending->bytes = buf_empty(OUTPUT_SIZE_MAX);
    if (frame_append(&pending->bytes, &fields, body, NULL, NULL) == STATUS_OK)
        return pending;
    buf_release(&pending->bytes);
    free(pending);
    return NULL;
}

void native_send(struct native_conn *conn, enum frame_type type, struct slice body)
{
    struct pending_write *pending;
    uv_buf_t part;

    if (conn->state == NATIVE_CLOSING)
        return;
    pending = uv_stream_get_write_queue_size((uv_stream_t *)&conn->tcp) > OUTPUT_SIZE_MAX
                  ? NULL
                  : pending_new(type, body);
    if (pending == NULL) {
        diag_warn("shipper %s does not read what we send; closing", conn->peer);
        native_conn_close(conn);
        return;
    }
    part = uv_buf_init(pending->bytes.data, (unsigned)pending->bytes.len);
    if (uv_write(&pending->request, (uv_stream_t *)&conn->tcp, &part, 1, on_written) != 0) {
        on_written(&pending->request, UV_ECANCELED);
        native_conn_close(conn);
    }
}

void native_send_nack(struct native_conn *conn, const struct nack *nack)
{
    struct buf body = buf_empty(4096);

    conn->native->stats.nacks[nack->code]++;
    nack_append(&body, nack);
    if (!body.failed)
        native_send(conn, FRAME_NACK, buf_slice(&body));
    buf_release(&body);
}

void native_refuse(struct native_conn *conn, enum nack_code code, const char *format, ...)
{
    char detail[WIRE_DETAIL_SIZE_MAX];
    struct nack nack = {.lane = LANE_CONTROL, .code = (uint8_t)code};
    va_list args;

    va_start(args, format);
    (void)vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    nack.detail = slice_of(detail);
    diag_warn("shipper %s: refused (%s): %s", conn->peer, nack_code_name(code), detail);
    native_send_nack(conn, &nack);
    native_conn_close(conn);
}

void native_send_bye(struct native_conn *conn, const char *reason)
{
    struct buf body = buf_empty(4096);

    bye_append(&body, slice_of(reason));
    if (!body.failed)
        native_send(conn, FRAME_BYE, buf_slice(&body));
    buf_release(&body);
}

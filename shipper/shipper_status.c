/* shipper/shipper_status.c -- the tables behind `dendro-shipper status` and `explain`.
 * Paths are printed with control bytes escaped: file names are hostile input, too. */
#include "shipper/shipper_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

static void append_escaped(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;

        if (byte < 0x20 || byte == 0x7f)
            buf_printf(out, "\\x%02x", byte);
        else
            buf_append_byte(out, *text);
    }
}

static void append_id(struct buf *out, const uint8_t id[WIRE_ID_SIZE])
{
    for (size_t i = 0; i < WIRE_ID_SIZE; i++)
        buf_printf(out, "%02x", id[i]);
}

static void append_source(struct buf *out, const struct source *source)
{
    uint64_t end = source->size > source->read_off ? source->size : source->read_off;

    append_id(out, source->gen.gen_id);
    buf_printf(out, " %" PRIu32 " %-8s %12" PRIu64 " %12" PRIu64 " %10" PRIu64 "  ",
               source->gen.trunc_no, source_state_name(source->state), source->read_off,
               source->gen.acked_off, end - source->gen.acked_off);
    append_escaped(out, source->gen.path);
    if (source->where != NULL) {
        buf_append_text(out, " (now ");
        append_escaped(out, source->where);
        buf_append_byte(out, ')');
    }
    buf_printf(out, "  [%s", source->decision);
    if (source->last_reset != RESET_NONE)
        buf_printf(out, "; identity_reset{%s}", reset_reason_name(source->last_reset));
    buf_printf(out, "%s%s]\n", source->unreadable ? "; unreadable" : "",
               source->deleted ? "; deleted" : "");
}

void shipper_status(struct shipper *shipper, struct buf *out)
{
    const struct session *session = &shipper->session;
    const struct shipper_accounts *accounts = &shipper->accounts;
    uint64_t dropped = 0;

    for (unsigned reason = 1; reason < LOSS_REASON_END; reason++)
        dropped += accounts->dropped[reason];
    buf_printf(out,
               "collector %s:%u %s, epoch %" PRIu64 ", rtt %.1f ms, in flight %" PRIu64
               " bytes in %" PRIu32 " frames\n",
               session->settings->collector.host, session->settings->collector.port,
               session_state_name(session->state), session->epoch,
               (double)session->rtt_ns / (double)MILLISECOND_NS, session->lines.size,
               session->lines.count);
    buf_printf(out,
               "bytes read %" PRIu64 " = acked %" PRIu64 " + pending %" PRIu64 " + dropped %" PRIu64
               "\n",
               accounts->read, accounts->acked, accounts->pending, dropped);
    if (shipper->watch_trouble != NULL)
        buf_printf(out, "directories are polled, not watched: %s\n", shipper->watch_trouble);
    if (shipper->save_failures > 0)
        buf_printf(out, "positions could not be saved %" PRIu64 " times\n", shipper->save_failures);
    buf_printf(out, "%-32s # %-8s %12s %12s %10s  path  [last decision]\n", "generation", "state",
               "read", "acked", "lag");
    for (uint32_t i = 0; i < shipper->follow->sources.count; i++)
        append_source(out, shipper->follow->sources.items[i]);
}

void shipper_explain(struct shipper *shipper, const char *path, struct buf *out)
{
    append_escaped(out, path);
    buf_append_text(out, ": ");
    follow_explain(shipper->follow, path, out);
}

/* base/diag.h -- our own messages ("log" is the user's data), one line each on stderr:
 *   2026-04-02T09:20:11.640Z warning shipper: cannot open /var/log/x: Permission denied
 * Control bytes and escapes in the text are printed as \xHH, so that hostile input cannot forge
 * lines or drive a terminal. Repeated messages are the caller's to limit (diag_limited).
 * Thread safety: any thread, any time; a line is one write(2). */
#ifndef DENDRO_BASE_DIAG_H
#define DENDRO_BASE_DIAG_H

#include <stdbool.h>
#include <stdint.h>

enum diag_level { DIAG_ERROR, DIAG_WARNING, DIAG_INFO, DIAG_DEBUG };

/* Name shown in each line ("collector"), a static text, and the least important level shown
 * (default DIAG_INFO). Call once at start. */
void diag_init(const char *program, enum diag_level level);

void diag_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void diag_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void diag_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void diag_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* True at most once per `interval_s` seconds for one `last` (start with 0): wrap a message that
 * a flood could repeat. */
bool diag_limited(uint64_t *last, unsigned interval_s);

#endif

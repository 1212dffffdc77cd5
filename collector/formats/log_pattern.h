/* collector/formats/log_pattern.h -- access log formats that people configure, compiled: nginx
 * log_format strings and Apache LogFormat strings become a row of literals and values.
 * Sources: nginx, ngx_http_log_module and the variables of the core and upstream modules; Apache
 * httpd 2.4, mod_log_config.
 * Thread safety: a compiled pattern is constant. */
#ifndef DENDRO_COLLECTOR_FORMATS_LOG_PATTERN_H
#define DENDRO_COLLECTOR_FORMATS_LOG_PATTERN_H

#include "collector/format.h"
#include "collector/formats/access_line.h"

enum { PATTERN_STEPS_MAX = 96 };

enum log_value {
    LOG_LITERAL,
    LOG_SKIPPED, /* a value without a field of ours */
    LOG_CLIENT,
    LOG_FORWARDED,
    LOG_USER,
    LOG_TIME_CLF,
    LOG_TIME_ISO,
    LOG_TIME_EPOCH,
    LOG_REQUEST,
    LOG_METHOD,
    LOG_TARGET,
    LOG_STATUS,
    LOG_BYTES,
    LOG_BYTES_IN,
    LOG_REFERER,
    LOG_AGENT,
    LOG_DURATION_S,
    LOG_DURATION_MS,
    LOG_DURATION_US,
    LOG_UPSTREAM,
    LOG_UPSTREAM_DURATION,
    LOG_UPSTREAM_STATUS,
    LOG_CACHE,
    LOG_REQUEST_ID,
    LOG_SERVER,
    LOG_PID,
    LOG_VALUE_COUNT
};

struct log_pattern {
    uint32_t step_count;
    struct log_step {
        enum log_value value;
        struct slice literal; /* with LOG_LITERAL; borrowed from the text */
    } steps[PATTERN_STEPS_MAX];
};

/* `compile` of the formats: the pattern of the source's `log_format`, in the arena; NULL if it sets none.
 * The text of the setting must live as long. Errors: TOO_LARGE, INVALID (names the byte), NO_MEMORY. */
enum status log_pattern_compile_nginx(const struct format_settings *settings, struct arena *arena,
                                      const void **out, struct error *err) WARN_UNUSED;
enum status log_pattern_compile_apache(const struct format_settings *settings, struct arena *arena,
                                       const void **out, struct error *err) WARN_UNUSED;

/* Match the line and add its fields; INVALID if it does not fit or has no status. */
enum status log_pattern_parse(const struct log_pattern *pattern,
                              const struct format_context *context, struct slice event,
                              enum quoting quoting, struct parsed_event *out);
/* nginx's list of times: `0.012, 0.030 : 0.004` means 0.046 s; one time is a span, `-` nothing. */
void log_add_upstream_duration(const struct format_context *context, struct slice event,
                               struct slice times, struct parsed_event *out);

#endif

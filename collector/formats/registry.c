/* collector/formats/registry.c -- the list of formats. Their order decides between equal scores of
 * detection: a format that few lines fit comes before one that many fit. */
#include "collector/formats/formats.h"

const struct format *const formats[] = {
    &format_postgres_csv,   &format_postgres_json,   &format_elastic_ecs,   &format_elastic_json,
    &format_elastic_slow,   &format_elastic_plain,   &format_celery,        &format_couchdb,
    &format_couchdb1,       &format_commcare_couch,  &format_gunicorn_error, &format_nginx_rt_cache,
    &format_nginx_timing,   &format_nginx_error,     &format_apache_error,  &format_django,
    &format_postgres_stderr, &format_nginx_access,   &format_apache_access, &format_gunicorn_access,
    &format_syslog,         &format_logfmt,          &format_json,          &format_raw,
};
const uint32_t format_count = sizeof(formats) / sizeof(formats[0]);

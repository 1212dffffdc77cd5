/* collector/formats/formats.h -- one line per format; the registry is in registry.c. */
#ifndef DENDRO_COLLECTOR_FORMATS_FORMATS_H
#define DENDRO_COLLECTOR_FORMATS_FORMATS_H

#include "collector/format.h"

extern const struct format format_apache_access;
extern const struct format format_apache_error;
extern const struct format format_celery;
extern const struct format format_celery_events;
extern const struct format format_commcare_couch;
extern const struct format format_commcare_timing;
extern const struct format format_couchdb;
extern const struct format format_couchdb1;
extern const struct format format_django;
extern const struct format format_django_runserver;
extern const struct format format_elastic_ecs;
extern const struct format format_elastic_json;
extern const struct format format_elastic_plain;
extern const struct format format_elastic_slow;
extern const struct format format_formplayer;
extern const struct format format_formplayer_bodies;
extern const struct format format_gunicorn_access;
extern const struct format format_gunicorn_error;
extern const struct format format_haproxy;
extern const struct format format_java;
extern const struct format format_journald;
extern const struct format format_json;
extern const struct format format_jvm_gc;
extern const struct format format_kafka;
extern const struct format format_logfmt;
extern const struct format format_memcached;
extern const struct format format_nginx_access;
extern const struct format format_nginx_error;
extern const struct format format_nginx_rt_cache;
extern const struct format format_nginx_timing;
extern const struct format format_pgbouncer;
extern const struct format format_postgres_csv;
extern const struct format format_postgres_json;
extern const struct format format_postgres_stderr;
extern const struct format format_rabbitmq;
extern const struct format format_redis;
extern const struct format format_supervisor;
extern const struct format format_syslog;
extern const struct format format_zookeeper;

#endif

/* dendro-collector: puts the collector, the HTTP server and the query API on one loop. Only main.c
 * may include query/ (ARCHITECTURE.md), so that neither side knows the other. */
#include "base/diag.h"
#include "base/http_server.h"
#include "base/io.h"
#include "base/memory_budget.h"
#include "base/spare.h"
#include "collector/collector.h"
#include "collector/settings_check.h"
#include "query/api/admin.h"
#include "query/api/api.h"
#include "query/kept_filter.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#ifndef DENDRO_VERSION
#define DENDRO_VERSION "unknown"
#endif

enum {
    CONFIG_ARENA_MAX = 64 << 20,
    ALLOCATOR_ARENAS = 2,               /* not eight per processor: each keeps what it once had */
    ALLOCATOR_MAPPED_SIZE = 256 << 10,  /* larger ones go back to the system when they are freed */
    SPARE_SIZE = 88 << 20,              /* a seal's working memory and a head; see base/spare.h */
    ALLOCATOR_KEPT_SIZE = 4 << 20,      /* free memory at the end of a heap */
};

struct program {
    uv_loop_t loop;
    struct collector_config config;
    struct collector *collector;
    struct http_server *server;
    struct api *api;
    uv_signal_t signals[2];
    struct buf admin_token; /* empty: none */
    char node[256];
    bool stopping;
};

/* ---- stop ---- */

static void on_collector_closed(void *user)
{
    struct program *program = user;

    program->collector = NULL;
}

static void on_server_closed(void *user)
{
    struct program *program = user;

    api_free(program->api); /* its queries have been cancelled with their connections */
    program->api = NULL;
    collector_close(program->collector, on_collector_closed, program);
}

static void stop(struct program *program)
{
    if (program->stopping)
        return;
    program->stopping = true;
    for (size_t i = 0; i < COUNT_OF(program->signals); i++)
        uv_close((uv_handle_t *)&program->signals[i], NULL);
    if (program->server != NULL)
        http_server_close(program->server, on_server_closed, program);
    else
        on_server_closed(program);
}

static void on_signal(uv_signal_t *handle, int number)
{
    diag_info("stopping (%s)", number == SIGINT ? "SIGINT" : "SIGTERM");
    stop(handle->data);
}

/* ---- start ---- */

static enum status watch_signals(struct program *program, struct error *err)
{
    static const int numbers[] = { SIGTERM, SIGINT };

    (void)signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        program->signals[i].data = program;
        if (uv_signal_init(&program->loop, &program->signals[i]) != 0 ||
            uv_signal_start(&program->signals[i], on_signal, numbers[i]) != 0)
            return error_set(err, STATUS_IO, "cannot watch for signals");
    }
    return STATUS_OK;
}

static enum status add_hooks(struct program *program, struct error *err)
{
    if (api_metrics_add(program->api, collector_metrics, program->collector) &&
        api_status_add(program->api, collector_status, program->collector) &&
        api_ready_add(program->api, collector_ready, program->collector))
        return STATUS_OK;
    return error_set(err, STATUS_TOO_LARGE, "too many parts want to add to the API");
}

static enum status serve_http(struct program *program, struct error *err)
{
    const struct collector_config *config = &program->config;
    char address[300];
    struct http_server_options server_options = {
        .loop = &program->loop,
        .address = address,
        .allow_remote = config->insecure,
    };
    struct api_options api_options = {
        .store = collector_store(program->collector),
        .geo = config->geo,
        .node = program->node,
        .version = DENDRO_VERSION,
        .query_memory_max = config->query.memory,
        .query_timeout_ms = (uint32_t)(config->query.timeout_ns / 1000000),
        .query_running_max = (unsigned)config->query.running,
        .query_waiting_max = (unsigned)config->query.waiting,
        .admin_token = program->admin_token.data, /* NULL: none */
    };
    const char *host = *config->http.host == '\0' ? "0.0.0.0" : config->http.host;
    bool v6 = strchr(host, ':') != NULL;
    enum status status;

    (void)snprintf(address, sizeof(address), "%s%.250s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "",
                   config->http.port);
    status = http_server_new(&server_options, &program->server, err);
    if (status == STATUS_OK)
        status = api_new(&api_options, program->server, &program->api, err);
    if (status == STATUS_OK)
        status = add_hooks(program, err);
    if (status == STATUS_OK)
        status = http_server_start(program->server, err);
    return status;
}

static void say_ready(const struct program *program)
{
    const char *host = program->config.http.host;
    bool any = *host == '\0';

    diag_info("ready: geo %s, data in %s, http://%s:%u/ for queries, %s:%u for shippers",
              program->config.geo, program->config.data_dir, any ? "localhost" : host,
              http_server_port(program->server),
              *program->config.wire.host == '\0' ? "*" : program->config.wire.host,
              collector_wire_port(program->collector));
}

static enum status start(struct program *program, struct error *err)
{
    const struct collector_options options = {
        .loop = &program->loop,
        .io = io_system(),
        .config = &program->config,
        .version = DENDRO_VERSION,
        .make_filter = kept_filter_make,
    };
    enum status status;

    if (gethostname(program->node, sizeof(program->node) - 1) != 0)
        return error_set(err, STATUS_IO, "cannot read the name of this host");
    status = collector_open(&options, &program->collector, err);
    if (status == STATUS_OK)
        status = serve_http(program, err);
    if (status == STATUS_OK)
        status = collector_listen(program->collector, err);
    if (status == STATUS_OK)
        say_ready(program);
    return status;
}

static int run(struct program *program)
{
    struct error err = {0};
    int exit_code = CLI_EXIT_OK;

    if (uv_loop_init(&program->loop) != 0) {
        diag_error("cannot make an event loop");
        return CLI_EXIT_ERROR;
    }
    if (watch_signals(program, &err) != STATUS_OK || start(program, &err) != STATUS_OK) {
        diag_error("%s", err.message);
        exit_code = err.status == STATUS_INVALID ? CLI_EXIT_USAGE : CLI_EXIT_ERROR;
        stop(program);
    }
    (void)uv_run(&program->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&program->loop);
    return exit_code;
}

/* Batches and heads are buffers of megabytes that one thread takes and another gives back. The
 * allocator would learn from the first of them to keep such sizes in its heaps, where they leave
 * holes: after a bulk load the process then holds twice what its parts account for. */
static void bound_allocator(void)
{
#ifdef __GLIBC__
    (void)mallopt(M_ARENA_MAX, ALLOCATOR_ARENAS);
    (void)mallopt(M_MMAP_THRESHOLD, ALLOCATOR_MAPPED_SIZE); /* and it is no longer raised */
    (void)mallopt(M_TRIM_THRESHOLD, ALLOCATOR_KEPT_SIZE);
#endif
}

static void keep_spares(void)
{
    uint64_t limit = memory_budget_limit(MEMORY_SPARES);

    spare_keep(limit > 0 && limit < SPARE_SIZE ? (size_t)limit : SPARE_SIZE);
}

/* Rules hold filters of the query language, which the collector does not know. */
static enum status check_rules(const struct collector_config *config, struct error *err)
{
    const struct retention_rule *rules = config->retention_rules.items;

    for (size_t i = 0; i < config->retention_rules.count; i++)
        if (kept_filter_check(slice_of(rules[i].filter), err) != STATUS_OK) {
            if (rules[i].line > 0)
                error_context(err, "%s:%u: retention_rules \"%.100s\"", config->config_path,
                              rules[i].line, rules[i].filter);
            else
                error_context(err, "retention_rules \"%.100s\"", rules[i].filter);
            return err->status;
        }
    return STATUS_OK;
}

static enum status read_admin_token(struct program *program, struct error *err)
{
    const char *path = program->config.admin_token_file;

    return path == NULL ? STATUS_OK
                        : admin_token_read(io_system(), path, &program->admin_token, err);
}

static void forget_admin_token(struct program *program)
{
    if (program->admin_token.data != NULL)
        explicit_bzero(program->admin_token.data, program->admin_token.len);
    buf_release(&program->admin_token);
}

int main(int argc, char **argv)
{
    static struct program program = {.admin_token = {.size_max = ADMIN_TOKEN_SIZE_MAX}};
    struct arena arena = arena_empty(CONFIG_ARENA_MAX);
    struct error err = {0};
    enum status status;
    int exit_code = CLI_EXIT_OK;

    bound_allocator();
    (void)umask(027);
    diag_init("dendro-collector", DIAG_INFO);
    status = collector_config_load(io_system(), (struct cli_words){argc, argv}, DENDRO_VERSION,
                                   &program.config, &arena, &err);
    if (status == STATUS_OK)
        status = check_rules(&program.config, &err);
    if (status == STATUS_OK)
        status = read_admin_token(&program, &err);
    if (status == STATUS_OK)
        status = settings_check(&program.config, &err);
    if (status == STATUS_OK && !program.config.check) {
        memory_budget_set(program.config.memory_max);
        keep_spares();
        (void)memory_budget_enter(MEMORY_CONNECTIONS); /* the loop's */
        exit_code = run(&program);
    } else if (status != STATUS_OK && status != STATUS_END) {
        (void)fprintf(stderr, "dendro-collector: %s\n", err.message);
        exit_code = CLI_EXIT_USAGE;
    }
    forget_admin_token(&program);
    arena_release(&arena);
    return exit_code;
}

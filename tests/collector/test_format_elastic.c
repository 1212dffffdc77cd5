/* tests/collector/test_format_elastic.c -- Elasticsearch in plain text and JSON. Expected values are
 * read off the lines by hand; the rules are in collector/formats/README.md. */
#include "collector/formats/formats.h"
#include "format_case.h"

static const struct format_case plain_cases[] = {
    {.name = "5+: node, then a message with brackets",
     .event = "[2026-04-02T09:20:12,040][INFO ][o.e.c.r.a.AllocationService] [data3] Cluster health "
              "status changed from [YELLOW] to [GREEN] (reason: [shards started [[visits_2026][1]]]).",
     .time = "2026-04-02T09:20:12.040000Z", .level = LEVEL_INFO,
     .fields = {"logger=o.e.c.r.a.AllocationService", "node=data3"}},
    {.name = "1.x and 2.x: padded logger, index and shard",
     .event = "[2026-04-02 09:20:12,040][WARN ][cluster.action.shard     ] [data3] [visits_2026][2] "
              "received shard failed",
     .time = "2026-04-02T09:20:12.040000Z", .level = LEVEL_WARNING,
     .fields = {"logger=cluster.action.shard", "node=data3", "index=visits_2026", "shard=2"}},
    {.name = "no node: the message starts with the index",
     .event = "[2026-04-02 09:20:12,040][INFO ][cluster.metadata         ] [visits_2026] creating "
              "index, cause [api]",
     .time = "2026-04-02T09:20:12.040000Z", .level = LEVEL_INFO,
     .fields = {"logger=cluster.metadata", "index=visits_2026"}},
    {.name = "node and index",
     .event = "[2026-04-02 09:20:12,040][INFO ][cluster.metadata         ] [data3] [visits_2026] "
              "creating index, cause [api]",
     .time = "2026-04-02T09:20:12.040000Z", .level = LEVEL_INFO,
     .fields = {"logger=cluster.metadata", "node=data3", "index=visits_2026"}},
    {.name = "no brackets behind the logger",
     .event = "[2026-04-02T09:20:12,040][INFO ][o.e.n.Node] initialized",
     .time = "2026-04-02T09:20:12.040000Z", .level = LEVEL_INFO, .fields = {"logger=o.e.n.Node"}},
    {.name = "empty node",
     .event = "[2026-04-02T09:20:12,040][INFO ][o.e.n.Node] [] initializing ...",
     .time = "2026-04-02T09:20:12.040000Z", .level = LEVEL_INFO, .fields = {"logger=o.e.n.Node"}},
    {.name = "garbage collection",
     .event = "[2026-04-02T09:20:12,040][WARN ][o.e.m.j.JvmGcMonitorService] [data3] [gc][young][7]"
              "[9] duration [1.2s], collections [1]/[2s], total [1.2s]/[5m]",
     .time = "2026-04-02T09:20:12.040000Z", .level = LEVEL_WARNING,
     .fields = {"logger=o.e.m.j.JvmGcMonitorService", "node=data3", "duration=1.2 s"}},
    {.name = "gc overhead",
     .event = "[2026-04-02T09:20:12,040][INFO ][o.e.m.j.JvmGcMonitorService] [data3] [gc][12] "
              "overhead, spent [310ms] collecting in the last [1s]",
     .time = "2026-04-02T09:20:12.040000Z", .level = LEVEL_INFO,
     .fields = {"logger=o.e.m.j.JvmGcMonitorService", "node=data3", "duration=310 ms"}},
    {.name = "exception with a package",
     .event = "[2026-04-02T09:20:12,040][ERROR][o.e.b.Bootstrap] [data3] Exception\n"
              "java.lang.IllegalStateException: failed to obtain node locks\n"
              "\tat org.elasticsearch.env.NodeEnvironment.<init>(NodeEnvironment.java:1)\n"
              "Caused by: java.io.IOException: x\n\t... 12 more",
     .time = "2026-04-02T09:20:12.040000Z", .level = LEVEL_ERROR,
     .fields = {"logger=o.e.b.Bootstrap", "node=data3",
                "exception=java.lang.IllegalStateException"}},
    {.name = "old exception: class and bracket",
     .event = "[2026-04-02 09:20:12,040][DEBUG][action.bulk              ] [data3] failed\n"
              "MapperParsingException[failed to parse]; nested: NumberFormatException[x];",
     .time = "2026-04-02T09:20:12.040000Z", .level = LEVEL_DEBUG,
     .fields = {"logger=action.bulk", "node=data3", "exception=MapperParsingException"}},
    {.name = "no level", .event = "[2026-04-02 09:20:12,040][x][y] z", .refused = true},
    {.name = "Borked", .event = "Borked", .refused = true},
};

static const struct format_case slow_cases[] = {
    {.name = "search, 2.x, extra_source and comma at the end",
     .event = "[2026-04-02 09:20:11,911][WARN ][index.search.slowlog.query] [data3] [visits_2026][2] "
              "took[1.7s], took_millis[1712], types[], stats[], search_type[QUERY_THEN_FETCH], "
              "total_shards[6], source[{\"size\":5}], extra_source[],",
     .time = "2026-04-02T09:20:11.911000Z", .level = LEVEL_WARNING,
     .fields = {"logger=index.search.slowlog.query", "node=data3", "index=visits_2026", "shard=2",
                "duration=1712 ms", "statement={\"size\":5}", "~fingerprint={size}"}},
    {.name = "abbreviated logger",
     .event = "[2026-04-02T09:20:11,911][TRACE][i.s.s.query          ] [data3] [v][0] took[3.1ms], "
              "took_millis[3], source[{}]",
     .time = "2026-04-02T09:20:11.911000Z", .level = LEVEL_WARNING,
     .fields = {"logger=i.s.s.query", "node=data3", "index=v", "shard=0", "duration=3 ms",
                "statement={}", "~fingerprint={}"}},
    {.name = "hits, opaque id, a source with brackets",
     .event = "[2026-04-02T09:20:11,911][TRACE][index.search.slowlog.query] [data3] [v][0] "
              "took[3.1ms], took_millis[3], total_hits[10000+ hits], types[a,b], stats[g], "
              "search_type[QUERY_THEN_FETCH], total_shards[5], "
              "source[{\"terms\":{\"d\":[\"a], \",\"b\"]}}], id[req-77], ",
     .time = "2026-04-02T09:20:11.911000Z", .level = LEVEL_WARNING,
     .fields = {"logger=index.search.slowlog.query", "node=data3", "index=v", "shard=0",
                "duration=3 ms", "hits=10000", "statement={\"terms\":{\"d\":[\"a], \",\"b\"]}}",
                "~fingerprint={terms:{d:[]}}", "request_id=req-77"}},
    {.name = "below a millisecond took counts",
     .event = "[2026-04-02T09:20:11,911][DEBUG][index.search.slowlog.fetch] [data3] [v][0] "
              "took[312.4micros], took_millis[0], total_hits[812 hits], source[{}]",
     .time = "2026-04-02T09:20:11.911000Z", .level = LEVEL_WARNING,
     .fields = {"logger=index.search.slowlog.fetch", "node=data3", "index=v", "shard=0",
                "duration=312.4 us", "hits=812", "statement={}", "~fingerprint={}"}},
    {.name = "indexing: uuid, document id, no shard, source over lines",
     .event = "[2026-04-02T09:20:11,911][WARN ][index.indexing.slowlog.index] [data3] "
              "[visits_2026/Xy-1] took[2m], took_millis[120000], type[doc], id[d1], routing[] , "
              "source[{\n  \"a\" : 1\n}]",
     .time = "2026-04-02T09:20:11.911000Z", .level = LEVEL_WARNING,
     .fields = {"logger=index.indexing.slowlog.index", "node=data3", "index=visits_2026",
                "duration=120000 ms", "statement={\n  \"a\" : 1\n}", "~fingerprint={a}"}},
    {.name = "2.2.0: the index is left out",
     .event = "[2026-04-02 09:20:11,911][WARN ][index.indexing.slowlog.index] took[2.5m], "
              "type[doc], id[d1], source[{}]",
     .time = "2026-04-02T09:20:11.911000Z", .level = LEVEL_WARNING,
     .fields = {"logger=index.indexing.slowlog.index", "duration=2.5 min", "statement={}",
                "~fingerprint={}"}},
    {.name = "hours keep their unit",
     .event = "[2026-04-02 09:20:11,911][WARN ][index.search.slowlog.query] [v][1] took[1.5h], "
              "source[{}]",
     .time = "2026-04-02T09:20:11.911000Z", .level = LEVEL_WARNING,
     .fields = {"logger=index.search.slowlog.query", "index=v", "shard=1", "duration=1.5h own",
                "statement={}", "~fingerprint={}"}},
};

static const struct format_case json_cases[] = {
    {.name = "server, stack trace on lines of its own",
     .event = "{\"type\": \"server\", \"timestamp\": \"2026-04-02T09:20:11,911Z\", \"level\": "
              "\"ERROR\", \"component\": \"o.e.b.Bootstrap\", \"cluster.name\": \"hq\", "
              "\"node.name\": \"data3\", \"message\": \"Exception\", \"stacktrace\": "
              "[\"java.lang.IllegalStateException: no lock\",\n\"at a.B.c(B.java:1)\",\n"
              "\"... 6 more\"] }",
     .time = "2026-04-02T09:20:11.911000Z", .level = LEVEL_ERROR,
     .fields = {"logger=o.e.b.Bootstrap", "node=data3",
                "exception=java.lang.IllegalStateException"}},
    {.name = "search slow log: took_millis is a string, zone without colon",
     .event = "{\"type\": \"index_search_slowlog\", \"timestamp\": "
              "\"2026-04-02T11:20:11,911+0200\", \"level\": \"WARN\", \"component\": "
              "\"i.s.s.query\", \"cluster.name\": \"hq\", \"node.name\": \"data3\", \"message\": "
              "\"[visits][2]\", \"took\": \"1.7s\", \"took_millis\": \"1712\", \"total_hits\": "
              "\"7 hits\", \"source\": \"{\\\"size\\\":5}\", \"id\": \"req-1\"}",
     .time = "2026-04-02T09:20:11.911000Z", .level = LEVEL_WARNING,
     .fields = {"logger=i.s.s.query", "node=data3", "index=visits", "shard=2", "duration=1712 ms",
                "hits=7", "~statement={\"size\":5}", "~fingerprint={size}", "request_id=req-1"}},
    {.name = "source as an object (7.1)",
     .event = "{\"type\": \"index_search_slowlog\", \"timestamp\": \"2026-04-02T09:20:11,911Z\", "
              "\"level\": \"INFO\", \"cluster.name\": \"hq\", \"message\": \"[v][0]\", \"took\": "
              "\"3ms\", \"took_millis\": \"3\", \"source\": {\"query\":{\"a\":1}}}",
     .time = "2026-04-02T09:20:11.911000Z", .level = LEVEL_WARNING,
     .fields = {"index=v", "shard=0", "duration=3 ms", "statement={\"query\":{\"a\":1}}",
                "~fingerprint={query:{a}}"}},
    {.name = "deprecation",
     .event = "{\"type\": \"deprecation\", \"timestamp\": \"2026-04-02T09:20:11,911Z\", \"level\": "
              "\"DEPRECATION\", \"component\": \"o.e.d.x\", \"cluster.name\": \"hq\", \"message\": "
              "\"old\"}",
     .time = "2026-04-02T09:20:11.911000Z", .level = LEVEL_WARNING,
     .fields = {"logger=o.e.d.x"}},
    {.name = "cut", .event = "{\"type\": \"server\", \"timestamp\": \"2026", .refused = true},
};

static const struct format_case ecs_cases[] = {
    {.name = "server",
     .event = "{\"@timestamp\":\"2026-04-02T09:20:11.911Z\", \"log.level\": \"INFO\", \"message\":"
              "\"started\", \"ecs.version\": \"1.2.0\",\"service.name\":\"ES_ECS\","
              "\"event.dataset\":\"elasticsearch.server\",\"process.thread.name\":\"main\","
              "\"log.logger\":\"org.elasticsearch.node.Node\",\"elasticsearch.node.name\":\"data3\"}",
     .time = "2026-04-02T09:20:11.911000Z", .level = LEVEL_INFO,
     .fields = {"thread=main", "logger=org.elasticsearch.node.Node", "node=data3"}},
    {.name = "error, early node name",
     .event = "{\"@timestamp\":\"2026-04-02T09:20:11.911Z\",\"log.level\":\"ERROR\",\"message\":"
              "\"x\",\"event.dataset\":\"elasticsearch.server\",\"node.name\":\"d1\","
              "\"error.type\":\"java.io.IOException\",\"error.stack_trace\":\"a\\nb\"}",
     .time = "2026-04-02T09:20:11.911000Z", .level = LEVEL_ERROR,
     .fields = {"node=d1", "exception=java.io.IOException"}},
    {.name = "slow log",
     .event = "{\"@timestamp\":\"2026-04-02T09:20:11.911Z\",\"log.level\":\"WARN\","
              "\"elasticsearch.slowlog.id\":\"r1\",\"elasticsearch.slowlog.message\":\"[v][4]\","
              "\"elasticsearch.slowlog.source\":\"{\\\"size\\\":5}\","
              "\"elasticsearch.slowlog.took\":\"1.7s\",\"elasticsearch.slowlog.took_millis\":1712,"
              "\"elasticsearch.slowlog.total_hits\":\"7 hits\",\"event.dataset\":"
              "\"elasticsearch.index_search_slowlog\",\"user.name\":\"kibana\"}",
     .time = "2026-04-02T09:20:11.911000Z", .level = LEVEL_WARNING,
     .fields = {"user=kibana", "index=v", "shard=4", "duration=1712 ms", "hits=7",
                "~statement={\"size\":5}", "~fingerprint={size}", "request_id=r1"}},
    {.name = "equal keys: the last wins",
     .event = "{\"@timestamp\":\"2026-04-02T09:20:11.911Z\",\"log.level\":\"INFO\","
              "\"event.dataset\":\"elasticsearch.deprecation\",\"log.level\":\"CRITICAL\","
              "\"log.logger\":\"a\",\"log.logger\":\"b\"}",
     .time = "2026-04-02T09:20:11.911000Z", .level = LEVEL_WARNING, .fields = {"logger=b"}},
};

static void test_plain(void **unused)
{
    (void)unused;
    CHECK_CASES(&format_elastic_plain, plain_cases);
}

static void test_slow(void **unused)
{
    (void)unused;
    CHECK_CASES(&format_elastic_slow, slow_cases);
}

static void test_json(void **unused)
{
    (void)unused;
    CHECK_CASES(&format_elastic_json, json_cases);
}

static void test_ecs(void **unused)
{
    (void)unused;
    CHECK_CASES(&format_elastic_ecs, ecs_cases);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_slow),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_ecs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

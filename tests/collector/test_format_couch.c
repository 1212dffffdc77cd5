/* tests/collector/test_format_couch.c -- CouchDB 1 to 3, Cloudant. Expected values are read off the
 * lines by hand; the rules are in collector/formats/README.md. */
#include "collector/formats/formats.h"
#include "format_case.h"

#define T11 "2026-04-02T09:20:11.204417Z"
#define HEAD "[notice] 2026-04-02T09:20:11.204417Z couchdb@10.31.4.60 <0.8813.2> a91c04e7d2 "
#define HEAD_FIELDS "node=couchdb@10.31.4.60", "pid=<0.8813.2>", "request_id=a91c04e7d2"

static const struct format_case couchdb_cases[] = {
    {.name = "view",
     .event = HEAD "couch.internal:5984 10.31.4.18 hq_rw GET "
                   "/hq__users/_design/users/_view/by_name?limit=1 200 ok 9",
     .time = T11, .level = LEVEL_NOTICE,
     .fields = {HEAD_FIELDS, "client=10.31.4.18", "user=hq_rw", "method=GET",
                "path=/hq__users/_design/users/_view/by_name", "params=limit=1",
                "database=hq__users", "op=_view", "view=_design/users/_view/by_name", "status=200",
                "duration=9 ms"}},
    {.name = "anonymous, aborted, 0 ms",
     .event = HEAD "undefined 10.31.4.18 undefined POST /db/_bulk_docs 500 aborted 0",
     .time = T11, .level = LEVEL_NOTICE,
     .fields = {HEAD_FIELDS, "client=10.31.4.18", "method=POST", "path=/db/_bulk_docs",
                "database=db", "op=_bulk_docs", "status=500", "duration=0 ms"}},
    {.name = "a user with a blank, a status of several words",
     .event = HEAD "h 10.0.0.1 my user PUT /db/doc 409 {error, x} 12", .time = T11,
     .level = LEVEL_NOTICE,
     .fields = {HEAD_FIELDS, "client=10.0.0.1", "user=my user", "method=PUT", "path=/db/doc",
                "database=db", "status=409", "duration=12 ms"}},
    {.name = "a waiting changes feed has no latency",
     .event = HEAD "h 10.0.0.1 u GET /db/_changes?feed=longpoll&since=1 200 ok 59999", .time = T11,
     .level = LEVEL_NOTICE,
     .fields = {HEAD_FIELDS, "client=10.0.0.1", "user=u", "method=GET", "path=/db/_changes",
                "params=feed=longpoll&since=1", "database=db", "op=_changes", "status=200"}},
    {.name = "database with an encoded slash",
     .event = HEAD "h 10.0.0.1 u GET /u%2Fdb/_all_docs 200 ok 3", .time = T11,
     .level = LEVEL_NOTICE,
     .fields = {HEAD_FIELDS, "client=10.0.0.1", "user=u", "method=GET", "path=/u%2Fdb/_all_docs",
                "~database=u/db", "op=_all_docs", "status=200", "duration=3 ms"}},
    {.name = "shard, encoded",
     .event = HEAD "h 10.0.0.1 u GET /shards%2F40000000-7fffffff%2Fdb.1767225600/d 200 ok 3",
     .time = T11, .level = LEVEL_NOTICE,
     .fields = {HEAD_FIELDS, "client=10.0.0.1", "user=u", "method=GET",
                "path=/shards%2F40000000-7fffffff%2Fdb.1767225600/d", "~database=db", "status=200",
                "duration=3 ms"}},
    {.name = "shard, plain",
     .event = HEAD "h 10.0.0.1 u POST /shards/40000000-7fffffff/db.1767225600/_find 200 ok 3",
     .time = T11, .level = LEVEL_NOTICE,
     .fields = {HEAD_FIELDS, "client=10.0.0.1", "user=u", "method=POST",
                "path=/shards/40000000-7fffffff/db.1767225600/_find", "database=db", "op=_find",
                "status=200", "duration=3 ms"}},
    {.name = "system path", .event = HEAD "h 10.0.0.1 u GET /_active_tasks 200 ok 3", .time = T11,
     .level = LEVEL_NOTICE,
     .fields = {HEAD_FIELDS, "client=10.0.0.1", "user=u", "method=GET", "path=/_active_tasks",
                "status=200", "duration=3 ms"}},
    {.name = "_users is a database", .event = HEAD "h 10.0.0.1 u GET /_users/x 404 ok 3",
     .time = T11, .level = LEVEL_NOTICE,
     .fields = {HEAD_FIELDS, "client=10.0.0.1", "user=u", "method=GET", "path=/_users/x",
                "database=_users", "status=404", "duration=3 ms"}},
    {.name = "a message, named process, no request",
     .event = "[error] 2026-04-02T09:20:11.204417Z couchdb@h emulator -------- Error in process "
              "<0.1.0>\n  last msg: x",
     .time = T11, .level = LEVEL_ERROR, .fields = {"node=couchdb@h", "pid=emulator"}},
    {.name = "a word as long as an id",
     .event = "[error] 2026-04-02T09:20:11.204417Z couchdb@h <0.1.0> a91c04e7g2 x",
     .time = T11, .level = LEVEL_ERROR, .fields = {"node=couchdb@h", "pid=<0.1.0>"}},
    {.name = "an id with capitals and a dash",
     .event = "[error] 2026-04-02T09:20:11.204417Z couchdb@h <0.1.0> A91C-4e7d2 x",
     .time = T11, .level = LEVEL_ERROR,
     .fields = {"node=couchdb@h", "pid=<0.1.0>", "request_id=A91C-4e7d2"}},
    {.name = "report level",
     .event = "[report] 2026-04-02T09:20:11.204417Z couchdb@h <0.1.0> -------- progress",
     .time = T11, .level = LEVEL_INFO, .fields = {"node=couchdb@h", "pid=<0.1.0>"}},
    {.name = "journald writer",
     .event = "<5>couchdb@h <0.8.2> a91c04e7d2 h 10.0.0.1 u GET /db 200 ok 4",
     .level = LEVEL_NOTICE,
     .fields = {"node=couchdb@h", "pid=<0.8.2>", "request_id=a91c04e7d2", "client=10.0.0.1",
                "user=u", "method=GET", "path=/db", "database=db", "status=200",
                "duration=4 ms"}},
    {.name = "BigCouch console",
     .event = "2026-04-02 09:20:11.204 [info] Undefined <0.7.0> started",
     .time = "2026-04-02T09:20:11.204000Z", .level = LEVEL_INFO, .fields = {"pid=<0.7.0>"}},
    {.name = "Borked", .event = "Borked", .refused = true},
    {.name = "cut behind the level", .event = "[notice] 2026", .refused = true},
};

static const struct format_case couchdb1_cases[] = {
    {.name = "request",
     .event = "[Thu, 02 Apr 2026 09:20:11 GMT] [info] [<0.211.0>] 10.31.4.18 - - GET "
              "/hq/_all_docs?limit=1 200",
     .time = "2026-04-02T09:20:11.000000Z", .level = LEVEL_INFO,
     .fields = {"pid=<0.211.0>", "client=10.31.4.18", "method=GET", "path=/hq/_all_docs",
                "params=limit=1", "database=hq", "op=_all_docs", "status=200"}},
    {.name = "method in quotes (1.0)",
     .event = "[Thu, 02 Apr 2026 09:20:11 GMT] [info] [<0.211.0>] 10.31.4.18 - - 'PUT' /hq/d 201",
     .time = "2026-04-02T09:20:11.000000Z", .level = LEVEL_INFO,
     .fields = {"pid=<0.211.0>", "client=10.31.4.18", "method=PUT", "path=/hq/d", "database=hq",
                "status=201"}},
    {.name = "Erlang term over lines",
     .event = "[Thu, 02 Apr 2026 09:20:11 GMT] [error] [<0.9.0>] {error_report,<0.1.0>,\n"
              "    {<0.9.0>,crash_report}}",
     .time = "2026-04-02T09:20:11.000000Z", .level = LEVEL_ERROR, .fields = {"pid=<0.9.0>"}},
    {.name = "stdout: no date", .event = "[info] [<0.1.0>] Apache CouchDB has started",
     .level = LEVEL_INFO, .fields = {"pid=<0.1.0>"}},
    {.name = "Borked", .event = "Borked", .refused = true},
};

static void test_couchdb(void **unused)
{
    (void)unused;
    CHECK_CASES(&format_couchdb, couchdb_cases);
}

static void test_couchdb1(void **unused)
{
    (void)unused;
    CHECK_CASES(&format_couchdb1, couchdb1_cases);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_couchdb),
        cmocka_unit_test(test_couchdb1),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* tests/collector/test_format_postgres.c -- PostgreSQL's three log destinations and the fingerprint of
 * statements. Expected values are read off the lines by hand; the rules are in collector/formats/README.md. */
#include "collector/fingerprint.h"
#include "collector/formats/formats.h"
#include "collector/formats/scan.h"
#include "collector/statement_shape.h"
#include "format_case.h"

#include <stdlib.h>

#define T11 "2026-04-02T09:20:11.640000Z"

static const struct format_case stderr_cases[] = {
    {.name = "Debian prefix, statement over two lines",
     .event = "2026-04-02 09:20:11.640 UTC [5230] rw@hq LOG:  duration: 1804.552 ms  statement: "
              "SELECT *\n\tFROM visit WHERE domain = 'river-clinic'",
     .time = T11, .level = LEVEL_INFO,
     .fields = {"pid=5230", "user=rw", "database=hq", "duration=1804.552 ms", "op=statement",
                "statement=SELECT *\n\tFROM visit WHERE domain = 'river-clinic'",
                "~fingerprint=select * from visit where domain = ?"}},
    {.name = "default of 10: background process",
     .event = "2026-04-02 09:20:11.640 UTC [77] LOG:  checkpoint complete: wrote 9 buffers (0.1%); "
              "write=0.8 s, sync=0.003 s, total=0.912 s",
     .time = T11, .level = LEVEL_INFO, .fields = {"pid=77", "duration=0.912 s"}},
    {.name = "CommCare's prefix",
     .event = "2026-04-02 09:20:11 UTC LOG:  duration: 302.1 ms", .time = "2026-04-02T09:20:11.000000Z",
     .level = LEVEL_INFO, .fields = {"duration=302.1 ms"}},
    {.name = "pgbadger's prefix, an application with blanks and a colon",
     .event = "2026-04-02 09:20:11 UTC [5230]: [3-1] user=rw,db=hq,app=psql: my, app,client=10.0.0.9 "
              "ERROR:  relation \"x\" does not exist",
     .time = "2026-04-02T09:20:11.000000Z", .level = LEVEL_ERROR,
     .fields = {"pid=5230", "user=rw", "database=hq", "app=psql: my, app", "client=10.0.0.9"}},
    {.name = "RDS",
     .event = "2026-04-02 09:20:11 UTC:10.31.4.18(40022):rw@hq:[5230]:LOG:  execute <unnamed>: "
              "SELECT 1",
     .time = "2026-04-02T09:20:11.000000Z", .level = LEVEL_INFO,
     .fields = {"client=10.31.4.18", "user=rw", "database=hq", "pid=5230", "statement=SELECT 1",
                "~fingerprint=select ?"}},
    {.name = "RDS background",
     .event = "2026-04-02 09:20:11 UTC::@:[390]:LOG:  checkpoint starting: time",
     .time = "2026-04-02T09:20:11.000000Z", .level = LEVEL_INFO, .fields = {"pid=390"}},
    {.name = "session prefix",
     .event = "2026-04-02 09:20:11 UTC-67b2c1de.146e-FATAL:  too many connections",
     .time = "2026-04-02T09:20:11.000000Z", .level = LEVEL_CRIT,
     .fields = {"session=67b2c1de.146e"}},
    {.name = "heroku",
     .event = "sql_error_code = 42P01 time_ms = \"2026-04-02 09:20:11.640 UTC\" pid=\"9\" "
              "proc_start_time=\"2026-04-02 09:00:00 UTC\" session_id=\"67b2c1de.9\" "
              "vtid=\"3/12\" tid=\"0\" log_line=\"2\" database=\"hq\" "
              "connection_source=\"10.0.0.9(5)\" user=\"rw\" application_name=\"a b\" ERROR:  no",
     .time = T11, .level = LEVEL_ERROR,
     .fields = {"sqlstate=42P01", "pid=9", "session=67b2c1de.9", "database=hq", "client=10.0.0.9",
                "user=rw", "app=a b"}},
    {.name = "configured prefix: padding, %% and epoch",
     .event = "100% 1775121611.640 rw         5230 WARNING:  x", .time = T11,
     .level = LEVEL_WARNING, .detected_as_other = true,
     .settings = {.line_prefix = SLICE_INIT("100%% %n %-10u %p ")}, .fields = {"user=rw", "pid=5230"}},
    {.name = "unset values print [unknown]",
     .event = "2026-04-02 09:20:11.640 UTC [5230] [unknown]@[unknown] LOG:  connection received: "
              "host=10.0.0.9 port=40022",
     .time = T11, .level = LEVEL_INFO, .fields = {"pid=5230", "client=10.0.0.9"}},
    {.name = "connection authorized",
     .event = "2026-04-02 09:20:11.640 UTC [5230] rw@hq LOG:  connection authorized: user=rw "
              "database=hq application_name=psql",
     .time = T11, .level = LEVEL_INFO,
     .fields = {"pid=5230", "user=rw", "database=hq", "user=rw", "database=hq", "app=psql"}},
    {.name = "disconnection",
     .event = "2026-04-02 09:20:11.640 UTC [5230] LOG:  disconnection: session time: 0:00:01.500 "
              "user=rw database=hq host=10.0.0.9 port=5",
     .time = T11, .level = LEVEL_INFO,
     .fields = {"pid=5230", "duration=0:00:01.500 own", "user=rw", "database=hq",
                "client=10.0.0.9"}},
    {.name = "temporary file",
     .event = "2026-04-02 09:20:11.640 UTC [5230] rw@hq LOG:  temporary file: path "
              "\"base/pgsql_tmp/pgsql_tmp5230.0\", size 140000",
     .time = T11, .level = LEVEL_INFO,
     .fields = {"pid=5230", "user=rw", "database=hq", "bytes=140000 B"}},
    {.name = "lock wait",
     .event = "2026-04-02 09:20:11.640 UTC [5230] rw@hq LOG:  process 5230 still waiting for "
              "ShareLock on transaction 7 after 1000.112 ms",
     .time = T11, .level = LEVEL_INFO,
     .fields = {"pid=5230", "user=rw", "database=hq", "duration=1000.112 ms"}},
    {.name = "error with its statement",
     .event = "2026-04-02 09:20:11.640 UTC [5230] rw@hq ERROR:  division by zero\n"
              "2026-04-02 09:20:11.640 UTC [5230] rw@hq STATEMENT:  SELECT 1/0\n\tFROM t",
     .time = T11, .level = LEVEL_ERROR,
     .fields = {"pid=5230", "user=rw", "database=hq", "statement=SELECT 1/0\n\tFROM t",
                "~fingerprint=select ?/? from t"}},
    {.name = "a companion by itself",
     .event = "2026-04-02 09:20:11.640 UTC [5230] rw@hq STATEMENT:  SELECT 1", .time = T11,
     .level = LEVEL_INFO,
     .fields = {"pid=5230", "user=rw", "database=hq", "statement=SELECT 1",
                "~fingerprint=select ?"}},
    {.name = "German", .event = "2026-04-02 09:20:11.640 UTC [5230] rw@hq FEHLER:  Relation fehlt",
     .time = T11, .level = LEVEL_ERROR, .fields = {"pid=5230", "user=rw", "database=hq"}},
    {.name = "French: a blank before the colon",
     .event = "2026-04-02 09:20:11.640 UTC [5230] rw@hq ERREUR :  absent", .time = T11,
     .level = LEVEL_ERROR, .fields = {"pid=5230", "user=rw", "database=hq"},
     .detected_as_other = true},
    {.name = "one blank, hand-edited",
     .event = "2026-04-02 09:20:11.640 UTC [5230] rw@hq LOG: x", .time = T11, .level = LEVEL_INFO,
     .fields = {"pid=5230", "user=rw", "database=hq"}, .detected_as_other = true},
    {.name = "auto_explain",
     .event = "2026-04-02 09:20:11.640 UTC [5230] rw@hq LOG:  duration: 12.345 ms  plan:\n"
              "\tQuery Text: SELECT 5\n\tResult  (cost=0.00..0.01)",
     .time = T11, .level = LEVEL_INFO,
     .fields = {"pid=5230", "user=rw", "database=hq", "duration=12.345 ms", "statement=SELECT 5",
                "~fingerprint=select ?"}},
    {.name = "fetch", .event = "2026-04-02 09:20:11.640 UTC [5230] rw@hq LOG:  duration: 1.0 ms  "
                               "execute fetch from c1: FETCH 10",
     .time = T11, .level = LEVEL_INFO,
     .fields = {"pid=5230", "user=rw", "database=hq", "duration=1.0 ms", "op=execute",
                "statement=FETCH 10", "~fingerprint=fetch ?"}},
    {.name = "task hint in a comment",
     .event = "2026-04-02 09:20:11.640 UTC [5230] rw@hq LOG:  statement: /* task:app.sync */ "
              "SELECT 1;",
     .time = T11, .level = LEVEL_INFO,
     .fields = {"pid=5230", "user=rw", "database=hq", "statement=/* task:app.sync */ SELECT 1;",
                "~fingerprint=select ?", "task=app.sync"}},
    {.name = "text of a library", .event = "pg_ctl: server does not shut down", .refused = true},
};

static const struct format_case csv_cases[] = {
    {.name = "26 columns, newline and doubled quotes in the message",
     .event = "2026-04-02 09:20:11.640 UTC,\"rw\",\"hq\",5230,\"10.31.4.18:40022\",67b2c1de.146e,9,"
              "\"SELECT\",2026-04-02 09:02:40 UTC,5/0,0,LOG,00000,\"duration: 1804.552 ms  "
              "statement: SELECT 'c\nd' AS \"\"n\"\"\",,,,,,,,,\"celery\",\"client backend\",,-77",
     .time = T11, .level = LEVEL_INFO,
     .fields = {"user=rw", "database=hq", "pid=5230", "client=10.31.4.18", "session=67b2c1de.146e",
                "sqlstate=00000", "~duration=1804.552 ms", "~op=statement",
                "~statement=SELECT 'c\nd' AS \"n\"", "~fingerprint=select ? as \"n\"",
                "app=celery"}},
    {.name = "23 columns, error with its query",
     .event = "2026-04-02 09:20:11.640 UTC,\"rw\",\"hq\",5230,\"::1:40022\",67b2c1de.146e,9,"
              "\"SELECT\",2026-04-02 09:02:40 UTC,5/0,0,ERROR,40P01,\"deadlock detected\",,,,,,"
              "\"SELECT 1\",7,,\"\"",
     .time = T11, .level = LEVEL_ERROR,
     .fields = {"user=rw", "database=hq", "pid=5230", "client=::1", "session=67b2c1de.146e",
                "sqlstate=40P01", "statement=SELECT 1", "~fingerprint=select ?"}},
    {.name = "24 columns, local, no user",
     .event = "2026-04-02 09:20:11.640 UTC,,,77,,67b2c1de.4d,1,,2026-04-02 09:02:40 UTC,,0,PANIC,"
              "XX000,\"could not\",,,,,,,,,\"\",\"checkpointer\"",
     .time = T11, .level = LEVEL_EMERG,
     .fields = {"pid=77", "session=67b2c1de.4d", "sqlstate=XX000"}},
    {.name = "14 columns of an edited file",
     .event = "2026-04-02 09:20:11.640 UTC,\"rw\",\"hq\",5230,\"[local]\",s.1,9,\"idle\",x,5/0,0,LOG,"
              "00000,\"duration: 1.5 ms\"",
     .time = T11, .level = LEVEL_INFO,
     .fields = {"user=rw", "database=hq", "pid=5230", "client=[local]", "session=s.1",
                "sqlstate=00000", "duration=1.5 ms"}},
    {.name = "cut in a quote",
     .event = "2026-04-02 09:20:11.640 UTC,\"rw\",\"hq\",5230,\"[local]\",s.1,9,\"idle\",x,5/0,0,LOG,"
              "00000,\"duration: 1.5 ms  statement: SELECT",
     .time = T11, .level = LEVEL_INFO,
     .fields = {"user=rw", "database=hq", "pid=5230", "client=[local]", "session=s.1",
                "sqlstate=00000", "duration=1.5 ms", "op=statement", "statement=SELECT",
                "~fingerprint=select"}},
    {.name = "13 columns are too few",
     .event = "2026-04-02 09:20:11.640 UTC,a,b,1,c,d,1,e,f,g,0,LOG,00000", .refused = true},
};

static const struct format_case json_cases[] = {
    {.name = "jsonlog",
     .event = "{\"timestamp\":\"2026-04-02 09:20:11.640 UTC\",\"user\":\"rw\",\"dbname\":\"hq\","
              "\"pid\":5230,\"remote_host\":\"10.31.4.18\",\"remote_port\":40022,\"session_id\":"
              "\"67b2c1de.146e\",\"line_num\":9,\"error_severity\":\"ERROR\",\"state_code\":"
              "\"57014\",\"message\":\"canceling statement\",\"statement\":\"SELECT 'a'\","
              "\"application_name\":\"celery\",\"query_id\":-9223372036854775807}",
     .time = T11, .level = LEVEL_ERROR,
     .fields = {"user=rw", "database=hq", "pid=5230", "client=10.31.4.18", "session=67b2c1de.146e",
                "sqlstate=57014", "statement=SELECT 'a'", "~fingerprint=select ?", "app=celery"}},
    {.name = "escapes make computed text",
     .event = "{\"timestamp\":\"2026-04-02 09:20:11.640 UTC\",\"error_severity\":\"LOG\","
              "\"message\":\"duration: 2.5 ms  statement: SELECT \\\"n\\\"\\n FROM t\"}",
     .time = T11, .level = LEVEL_INFO,
     .fields = {"~duration=2.5 ms", "~op=statement", "~statement=SELECT \"n\"\n FROM t",
                "~fingerprint=select \"n\" from t"}},
    {.name = "CloudNativePG",
     .event = "{\"level\":\"info\",\"ts\":1775121611.64,\"logger\":\"postgres\",\"msg\":\"record\","
              "\"record\":{\"log_time\":\"2026-04-02 09:20:11.640 UTC\",\"user_name\":\"rw\","
              "\"database_name\":\"hq\",\"process_id\":\"5230\",\"connection_from\":"
              "\"10.0.0.9:5\",\"session_id\":\"s.1\",\"error_severity\":\"FATAL\","
              "\"sql_state_code\":\"53300\",\"message\":\"too many\",\"application_name\":\"x\"}}",
     .time = T11, .level = LEVEL_CRIT,
     .fields = {"user=rw", "database=hq", "pid=5230", "client=10.0.0.9", "session=s.1",
                "sqlstate=53300", "app=x"}},
    {.name = "no severity", .event = "{\"timestamp\":\"2026-04-02 09:20:11.640 UTC\"}",
     .refused = true},
    {.name = "cut", .event = "{\"timestamp\":\"2026-04-02 09:20:11.640 UTC\",\"error_severity\":\"LO",
     .refused = true},
};

static const struct fingerprint_case {
    const char *name, *sql, *expected, *hint;
} fingerprint_cases[] = {
    {"values and case", "SELECT * FROM T1 WHERE Id = 12 AND name = 'O''Brien';",
     "select * from t1 where id = ? and name = ?", ""},
    {"white space", "  SELECT\n\t1  ,  2 ", "select ?, ?", ""},
    {"IN list", "x IN (1, 2,3)", "x in (?)", ""},
    {"IN list of strings", "x in ('a','b')", "x in (?)", ""},
    {"negative numbers", "x in (-1, -2) and y = -3", "x in (?) and y = ?", ""},
    {"a minus between columns stays", "a - 5", "a - ?", ""},
    {"rows of VALUES", "INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y'), (3, 'z')",
     "insert into t (a, b) values (?, ?)", ""},
    {"rows of different shape stay", "VALUES (1, now()), (2, 3)", "values (?, now()), (?, ?)", ""},
    {"after the rows", "VALUES (1), (2) ON CONFLICT (id) DO NOTHING",
     "values (?) on conflict (id) do nothing", ""},
    {"array", "x = ANY(ARRAY[1, 2, 3])", "x = any(array[?])", ""},
    {"parameters", "a = $1 AND b = $23", "a = ? and b = ?", ""},
    {"booleans", "a = TRUE or b = false", "a = ? or b = ?", ""},
    {"null stays", "a IS NULL", "a is null", ""},
    {"identifiers with digits", "SELECT t1.c2 FROM a3", "select t1.c2 from a3", ""},
    {"words of more than sixteen bytes", "FROM Form_Processor_CommCareCaseSQL_2$Z@HOST_0123456789/X",
     "from form_processor_commcarecasesql_2$z@host_0123456789/x", ""},
    {"many words, one blank each", "DELETE FROM Form_Processor USING The_Domains AS d WHERE d IS NULL",
     "delete from form_processor using the_domains as d where d is null", ""},
    {"a boolean among words", "SET a TO TRUE THEN b TO FALSE OR trueish FRUIT farm true",
     "set a to ? then b to ? or trueish fruit farm ?", ""},
    {"a number among words", "LIMIT a OFFSET 20 ROWS ONLY 3 OR 4x then t5 end",
     "limit a offset ? rows only ? or ? then t5 end", ""},
    {"a string among words", "LIKE n'a b c d e f' ESCAPE e'!' AND e LIKE E 'x' OR more words here",
     "like ? escape ? and e like e ? or more words here", ""},
    {"words far apart", "SELECT  a FROM\tb WHERE   c IS NOT NULL AND  d LIKE e  ",
     "select a from b where c is not null and d like e", ""},
    {"rows with words between", "VALUES (1) , (2) union all select x from y ( 3) , ( 3)",
     "values (?) union all select x from y ( ?), ( ?)", ""},
    {"letters that are not ASCII", "SELECT Gr\xc3\xb6\xc3\x9f" "e_DES_FORMULARS_\xc3\x84[1]",
     "select gr\xc3\xb6\xc3\x9f" "e_des_formulars_\xc3\x84[?]", ""},
    {"quoted identifiers keep their case", "SELECT \"Col 1\" FROM \"T\"",
     "select \"Col 1\" from \"T\"", ""},
    {"E string with backslashes", "x = E'a\\'b' AND y", "x = ? and y", ""},
    {"bit and hex strings", "x = B'01' OR y = X'1F' or z = U&'d'", "x = ? or y = ? or z = ?", ""},
    {"dollar quotes", "DO $body$ SELECT 'x'; $body$ y", "do ? y", ""},
    {"dollar quotes without tag", "SELECT $$a'b$$", "select ?", ""},
    {"numbers of all kinds", "SELECT 1.5, .5, 1e10, 1.5E-3, 0x1F, 1_000", "select ?, ?, ?, ?, ?, ?",
     ""},
    {"comments", "SELECT /* a /* nested */ b */ 1 -- end\nFROM t", "select ? from t", ""},
    {"hint in a block comment", "/* task:apps.sync */ SELECT 1", "select ?", "apps.sync"},
    {"hint in a line comment", "-- task=apps.x-1\nSELECT 1", "select ?", "apps.x-1"},
    {"a comment without hint", "/* nothing */ SELECT 1", "select ?", ""},
    {"cut in a string", "SELECT 'abc", "select ?", ""},
    {"cut in a comment", "SELECT 1 /* abc", "select ?", ""},
    {"empty", "", "", ""},
    {"like with a percent", "a LIKE '%x%'", "a like ?", ""},
    {"casts", "x::text = '5'::int", "x::text = ?::int", ""},
};

static void check_fingerprint(const struct fingerprint_case *c, struct statement_shapes *shapes,
                              struct arena *arena)
{
    struct slice hint;
    struct slice got = fingerprint_sql(slice_of(c->sql), shapes, arena, &hint);

    if (!slice_is(got, c->expected))
        fail_msg("%s: got %.*s", c->name, SLICE_ARG(got));
    assert_true(slice_is(hint, c->hint));
}

/* What is remembered of statements makes no difference: read alone, after others, and again. */
static void test_fingerprint(void **unused)
{
    struct arena arena = arena_empty(1 << 20);
    struct statement_shapes *shapes = calloc(1, sizeof(*shapes));

    (void)unused;
    assert_non_null(shapes);
    for (size_t i = 0; i < COUNT_OF(fingerprint_cases); i++) {
        print_message("  %s\n", fingerprint_cases[i].name);
        check_fingerprint(&fingerprint_cases[i], NULL, &arena);
        check_fingerprint(&fingerprint_cases[i], shapes, &arena);
        check_fingerprint(&fingerprint_cases[i], shapes, &arena);
    }
    free(shapes);
    arena_release(&arena);
}

static const struct shape_case {
    const char *name, *learned, *asked;
    bool known;
    const char *fingerprint, *hint; /* of `asked` */
} shape_cases[] = {
    {"other plain values", "a = 'x' LIMIT 5", "a = 'y z' LIMIT 7", true, "a = ? limit ?", ""},
    {"values of other lengths", "a = 'x' LIMIT 5", "a = 'xyz' LIMIT 12345", true, "a = ? limit ?", ""},
    {"an empty string", "a = 'x'", "a = ''", true, "a = ?", ""},
    {"a negative number", "a = -1 AND b", "a = -2 AND b", true, "a = ? and b", ""},
    {"the same without values", "COMMIT", "COMMIT", true, "commit", ""},
    {"a doubled quote", "a = 'x'", "a = 'O''B'", false, "a = ?", ""},
    {"a doubled quote at the end", "a = 'x'", "a = 'O'''", false, "a = ?", ""},
    {"cut in the string", "a = 'x'", "a = 'x", false, "a = ?", ""},
    {"a fraction", "a = 'x' AND b > 5", "a = 'x' AND b > 5.5", false, "a = ? and b > ?", ""},
    {"hexadecimal", "a = 'x' AND b > 0", "a = 'x' AND b > 0x1F", false, "a = ? and b > ?", ""},
    {"a string for a number", "a = 'x' AND b > -5", "a = 'x' AND b > -'y'", false,
     "a = ? and b > -?", ""},
    {"another column", "a = 'x' AND b = 'x'", "a = 'x' AND c = 'x'", false, "a = ? and c = ?", ""},
    {"something behind", "a = 'x'", "a = 'x' AND b", false, "a = ? and b", ""},
    {"something less", "a = 'x' AND b", "a = 'x'", false, "a = ?", ""},
    {"ends where a value was", "a = 'x' AND b > 5", "a = 'x' AND b > ", false, "a = ? and b >", ""},
    {"another operator, the same key", "a < 5", "a > 5", false, "a > ?", ""},
    {"backslashes are not looked into", "a = E'x\\'y'", "a = E'z\\'y'", false, "a = ?", ""},
    {"a quote in a comment", "a /* it's */ = 'x'", "a /* it's */ = 'y'", true, "a = ?", ""},
    {"hint", "/* task:a.b */ c = 'x'", "/* task:a.b */ c = 'y'", true, "c = ?", "a.b"},
    {"another hint", "/* task:a.1 */ c = 'x'", "/* task:a.2 */ c = 'x'", false, "c = ?", "a.2"},
    {"sixteen values", "f(1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1)", "f(2+1+1+1+1+1+1+1+1+1+1+1+1+1+1+3)",
     true, "f(?+?+?+?+?+?+?+?+?+?+?+?+?+?+?+?)", ""},
    {"seventeen values", "f(1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1)",
     "f(1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1)", false, "f(?+?+?+?+?+?+?+?+?+?+?+?+?+?+?+?+?)", ""},
};

static void test_statement_shapes(void **unused)
{
    struct arena arena = arena_empty(1 << 20);

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(shape_cases); i++) {
        const struct shape_case *c = &shape_cases[i];
        struct statement_shapes *shapes = calloc(1, sizeof(*shapes));
        struct slice text, hint;

        print_message("  %s\n", c->name);
        assert_non_null(shapes);
        (void)fingerprint_sql(slice_of(c->learned), shapes, &arena, &hint);
        assert_int_equal(statement_shapes_find(shapes, slice_of(c->asked), &text, &hint), c->known);
        text = fingerprint_sql(slice_of(c->asked), shapes, &arena, &hint);
        if (!slice_is(text, c->fingerprint))
            fail_msg("%s: got %.*s", c->name, SLICE_ARG(text));
        assert_true(slice_is(hint, c->hint));
        free(shapes);
    }
    arena_release(&arena);
}

static const struct fingerprint_case query_cases[] = {
    {"nested", "{\"query\":{\"term\":{\"domain\":\"x\"}},\"size\":5}",
     "{query:{term:{domain}},size}", ""},
    {"arrays", "{\"bool\":[{\"a\":1},{\"b\":[1,2]}]}", "{bool:[{a},{b:[]}]}", ""},
    {"cut", "{\"query\":{\"term\":{\"dom", "{query:{term:{", ""},
    {"no JSON", "abc", "", ""},
};

static void test_fingerprint_json(void **unused)
{
    struct arena arena = arena_empty(1 << 20);

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(query_cases); i++) {
        struct slice got = fingerprint_json(slice_of(query_cases[i].sql), &arena);

        print_message("  %s\n", query_cases[i].name);
        if (!slice_is(got, query_cases[i].expected))
            fail_msg("%s: got %.*s", query_cases[i].name, SLICE_ARG(got));
    }
    arena_release(&arena);
}

static const struct prefix_case {
    const char *name, *prefix, *message;
} bad_prefixes[] = {
    {"unknown escape", "%t %z", "byte 4: unknown escape"},
    {"percent at the end", "%t %", "byte 4: % at the end"},
};

static void test_bad_prefix(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(bad_prefixes); i++) {
        struct format_settings settings = {.line_prefix = slice_of(bad_prefixes[i].prefix)};
        struct arena arena = arena_empty(1 << 20);
        struct error err = {0};
        const void *compiled;

        print_message("  %s\n", bad_prefixes[i].name);
        assert_int_equal(format_postgres_stderr.compile(&settings, &arena, &compiled, &err),
                         STATUS_INVALID);
        if (strstr(err.message, bad_prefixes[i].message) == NULL)
            fail_msg("%s", err.message);
        arena_release(&arena);
    }
}

static void test_stderr(void **unused)
{
    (void)unused;
    CHECK_CASES(&format_postgres_stderr, stderr_cases);
}

static void test_csv(void **unused)
{
    (void)unused;
    CHECK_CASES(&format_postgres_csv, csv_cases);
}

static void test_json(void **unused)
{
    (void)unused;
    CHECK_CASES(&format_postgres_json, json_cases);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stderr),           cmocka_unit_test(test_csv),
        cmocka_unit_test(test_json),             cmocka_unit_test(test_fingerprint),
        cmocka_unit_test(test_statement_shapes), cmocka_unit_test(test_fingerprint_json),
        cmocka_unit_test(test_bad_prefix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

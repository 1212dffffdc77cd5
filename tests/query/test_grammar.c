/* tests/query/test_grammar.c -- texts to trees and back, and where errors point. Byte offsets are
 * counted by hand in the cases. */
#include "query/grammar.h"

#include "query/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static bool parse_and_print(const char *text, struct buf *out, struct query_problem *problem)
{
    struct arena arena = arena_empty(QUERY_TREE_SIZE_MAX);
    struct query_tree tree;
    bool ok = grammar_query(slice_of(text), &arena, &tree, problem) == STATUS_OK;

    if (ok)
        assert_true(tree_print(&tree, out));
    arena_release(&arena);
    return ok;
}

/* What a query means is told by its normal form; the normal form is its own normal form. */
static const struct form_case {
    const char *name, *text, *form;
} form_cases[] = {
    {"empty asks for all", "", "*"},
    {"no filter before a pipe", "| limit 5", "* | limit 5"},
    {"word", "error", "error"},
    {"phrase", "\"timed out\"", "\"timed out\""},
    {"a token of several words is a phrase", "10.0.0.1", "10.0.0.1"},
    {"field", "host:web1", "host:web1"},
    {"_msg is the line", "_msg:error", "error"},
    {"prefix", "err* \"timed o\"*", "err* \"timed o\"*"},
    {"substring", "*imed* *\"imed ou\"* path:*\"/api/\"*", "*imed* *\"imed ou\"* path:*\"/api/\"*"},
    {"a star apart is every row", "err *", "err *"},
    {"exact", "tenant:=river-clinic user:!=bob", "tenant:=river-clinic !user:=bob"},
    {"exact prefix", "path:=\"/a/x/\"*", "path:=\"/a/x/\"*"},
    {"double equal sign", "a:==b", "a:=b"},
    {"regex", "~\"5\\\\d\\\\d\" agent:!~\"(?i)bot\"", "~\"5\\\\d\\\\d\" !agent:~\"(?i)bot\""},
    {"comparison", "status:>=500 level:>=warning", "status:>=500 level:>=warning"},
    {"range", "duration:range[1s, 5s)", "duration:range[1s, 5s)"},
    {"set", "status:in(502,504)", "status:in(502, 504)"},
    {"set of a query", "user:in({role=\"proxy\"} status:403 | fields user)",
     "user:in(role:=\"proxy\" status:403 | fields user)"},
    {"any, all, sequence", "contains_any(\"a\",\"b\") contains_all(a,b) x:seq(\"a\",\"b\")",
     "contains_any(\"a\", \"b\") contains_all(a, b) x:seq(\"a\", \"b\")"},
    {"folded", "i(error) i(\"timed out\") i(err*) path:i(=/Home/)",
     "i(error) i(\"timed out\") i(err*) path:i(=/Home/)"},
    {"addresses", "client:ipv4_range(\"10.1.2.3/8\")",
     "client:ipv4_range(10.0.0.0, 10.255.255.255)"},
    {"a network as a value", "client:10.1.2.3/8 peer:10.0.0.1/32",
     "client:ipv4_range(10.0.0.0, 10.255.255.255) peer:ipv4_range(10.0.0.1, 10.0.0.1)"},
    {"the text of a network", "client:=10.0.2.0/24", "client:=10.0.2.0/24"},
    {"numbers in quotes", "duration:>\"500ms\" status:range[\"500\", '599']",
     "duration:>500ms status:range[500, 599]"},
    {"signs that a blank separates", "a =b c !=d e ~\"f\"", "a =b c !=d e ~\"f\""},
    {"a status that is a text", "status:ok status:in(ok, failed)", "status:ok status:in(ok, failed)"},
    {"two addresses", "client:ipv4_range(10.0.0.1, 10.0.0.9)",
     "client:ipv4_range(10.0.0.1, 10.0.0.9)"},
    {"exists, empty", "tenant:* tenant:\"\"", "tenant:* tenant:\"\""},
    {"two fields", "eq_field(a, b) lt_field(a, b) le_field(a, b)",
     "eq_field(a, b) lt_field(a, b) le_field(a, b)"},
    {"length", "len_range(_msg, 10KB, inf)", "len_range(_msg, 10KB, inf)"},
    {"selector", "{geo=\"us\",role=~\"web|task\",host!=\"x\",level in (\"error\")}",
     "geo:=\"us\" {role=~\"web|task\"} !host:=\"x\" level:in(\"error\")"},
    {"time", "_time:5m", "_time:5m"},
    {"time of a day", "_time:2026-03-02", "_time:2026-03-02"},
    {"time range keeps colons", "_time:[2026-03-02T14:00, 2026-03-02T14:20)",
     "_time:[2026-03-02T14:00, 2026-03-02T14:20)"},
    {"time offset", "_time:1h offset 1w", "_time:1h offset 604800000000000ns"},
    {"offset can be searched for", "_time:1h offset", "_time:1h offset"},
    {"template, exactly", "template:=1f93", "template:1f93"},
    {"template", "template:1f93", "template:1f93"},
    {"or binds weaker than and", "a b or c", "a b or c"},
    {"brackets bind", "a (b or c)", "a (b or c)"},
    {"brackets around the same kind vanish", "(a b) (c and d)", "a b c d"},
    {"not in three spellings", "not a !b -c NOT d", "!a !b !c !d"},
    {"not of brackets", "!(a or b)", "!(a or b)"},
    {"other spellings", "a AND b && c OR d || e", "a b c or d or e"},
    {"field before brackets", "level:(error or crit)", "level:error or level:crit"},
    {"negative number", "x:>-3", "x:>-3"},
    {"keyword in quotes", "\"and\"", "\"and\""},
    {"comment", "a # comment\nb", "a b"},
    {"fields", "* | fields _time, host | keep a", "* | fields _time, host | fields a"},
    {"where", "* | where n:>10 | filter a", "* | where n:>10 | where a"},
    {"stats",
     "* | stats by (role, _time:5m, bytes:1MB, client:/24) count() as n, "
     "count() if (level:error) as bad",
     "* | stats by (role, _time:5m, bytes:1MB, client:/24) count() as n, "
     "count() if (level:error) as bad"},
    {"stats without as", "* | stats count() n", "* | stats count() as n"},
    {"stats without a name", "* | stats quantile(0.95, duration)",
     "* | stats quantile(0.95, duration) as \"quantile(0.95, duration)\""},
    {"stats without stats", "* | by (x) count()", "* | stats by (x) count() as \"count()\""},
    {"stats without stats or by", "* | count() as n", "* | stats count() as n"},
    {"time bucket with offset", "* | stats by (_time:1d offset 5h) count() c",
     "* | stats by (_time:1d offset 18000000000000ns) count() as c"},
    {"sort", "* | sort by (n desc, host) limit 10 offset 5 partition by (geo)",
     "* | sort by (n desc, host) limit 10 offset 5 partition by (geo)"},
    {"sort all descending", "* | sort by (a, b desc) desc", "* | sort by (a desc, b)"},
    {"limit and offset", "* | head 5 | skip 3", "* | limit 5 | offset 3"},
    {"last", "* | last 6 by (_time) partition by (host, url)",
     "* | last 6 by (_time) partition by (host, url)"},
    {"top", "* | top 10 by (path) hits as n with other",
     "* | top 10 by (path) hits as n with other"},
    {"uniq", "* | uniq by (user, tenant) with hits limit 1000",
     "* | uniq by (user, tenant) with hits as hits limit 1000"},
    {"extract", "* | extract \"took <ms>ms\" from _msg",
     "* | extract \"took <ms>ms\" from _msg"},
    {"extract_regexp", "* | extract_regexp \"id=(?P<id>\\\\w+)\"",
     "* | extract_regexp \"id=(?P<id>\\\\w+)\" from _msg"},
    {"format", "* | format \"<tenant>/<url_group>\" as key",
     "* | format \"<tenant>/<url_group>\" as key"},
    {"math", "* | math bad * 100 / (n + 100) as pct, round(pct, 0.1) as p",
     "* | math bad * 100 / (n + 100) as pct, round(pct, 0.1) as p"},
    {"math: power binds to the right", "* | eval a^b^c as x, (a^b)^c as y, -a^2 as z",
     "* | math a ^ b ^ c as x, (a ^ b) ^ c as y, -a ^ 2 as z"},
    {"math: minus binds to the left", "* | math a-b-c as x, a-(b-c) as y",
     "* | math a - b - c as x, a - (b - c) as y"},
    {"math: minus before a side", "* | eval (-a)^(-b)*c as x, -(a+b) as y, a*(-b^c) - (-(-d)) as z",
     "* | math (-a) ^ -b * c as x, -(a + b) as y, a * -b ^ c - --d as z"},
    {"rename", "* | mv a as b, c as d", "* | rename a as b, c as d"},
    {"replace", "* | replace (\"x\", \"y\") at path", "* | replace (\"x\", \"y\") at path"},
    {"unpack", "* | unpack_json from body prefix \"b.\"",
     "* | unpack_json from body prefix \"b.\""},
    {"context", "x | context before 2 after 5 across host window 1h",
     "x | context before 2 after 5 across host window 3600000000000ns"},
    {"facets", "* | facets | facets 10", "* | facets | facets 10"},
    {"names and values", "* | field_names | field_values path limit 100",
     "* | field_names | field_values path limit 100"},
    {"pack", "* | pack_json | pack_logfmt fields (a, b) as x",
     "* | pack_json as _msg | pack_logfmt fields (a, b) as x"},
    {"hash, len", "* | hash(user) as h | len (path) as n", "* | hash (user) as h | len (path) as n"},
    {"words", "* | unpack_words | unpack_words from path as w drop_duplicates",
     "* | unpack_words from _msg as _msg | unpack_words from path as w drop_duplicates"},
    {"syslog", "* | unpack_syslog from t prefix \"s.\"", "* | unpack_syslog from t prefix \"s.\""},
    {"drop empty fields", "* | drop_empty_fields", "* | drop_empty_fields"},
    {"diff against", "* | diff against (level:error | sample 10)",
     "* | diff against (level:error | sample 10)"},
    {"diff", "* | count() | diff offset 1w",
     "* | stats count() as \"count()\" | diff offset 604800000000000ns"},
    {"sample", "* | sample 100", "* | sample 100"},
    {"join", "* | join by (host) (metric:=x | stats by (host) avg(value) as v) inner prefix \"p.\"",
     "* | join by (host) (metric:=x | stats by (host) avg(value) as v) inner prefix \"p.\""},
    {"replace_regexp", "* | replace_regexp (\"a+\", \"$1\") at path",
     "* | replace_regexp (\"a+\", \"$1\") at path"},
    {"decolorize, collapse_nums", "* | decolorize | collapse_nums at path",
     "* | decolorize at _msg | collapse_nums at path"},
    {"unroll", "* | unroll a, b | unroll by (c) | unroll (d)",
     "* | unroll by (a, b) | unroll by (c) | unroll by (d)"},
    {"patterns", "* | patterns | patterns 20 by (role) new since 1h | patterns limit 3 since "
                 "2026-03-02T09:30Z",
     "* | patterns | patterns 20 by (role) since 1h | patterns 3 since 2026-03-02T09:30Z"},
    {"twice not", "!!a b:!!c !(!(d)) not (e:!=f)", "a b:c d e:=f"},
    {"union", "a | union (b | limit 3)", "a | union (b | limit 3)"},
};

static void test_forms(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(form_cases); i++) {
        const struct form_case *c = &form_cases[i];
        struct buf once = buf_empty(1 << 20), twice = buf_empty(1 << 20);
        struct query_problem problem = {0};

        print_message("  %s\n", c->name);
        if (!parse_and_print(c->text, &once, &problem))
            fail_msg("at %zu: %s", problem.at, problem.message);
        if (!slice_is(buf_slice(&once), c->form))
            fail_msg("got %.*s", SLICE_ARG(buf_slice(&once)));
        assert_true(parse_and_print(c->form, &twice, &problem));
        assert_true(slice_equal(buf_slice(&once), buf_slice(&twice)));
        buf_release(&once);
        buf_release(&twice);
    }
}

/* Worked examples. */
static const struct example {
    const char *task, *text;
} examples[] = {
    {"1", "{geo=~\"production|india\",role=~\"web|task|form|proxy\"} *7f3c9a51* _time:24h "
          "| sort by (_time) | fields _time, geo, host, role, source, _msg"},
    {"2", "{geo=\"india\",role=\"proxy\"} format:=nginx_timing status:in(502,504) "
          "_time:[2026-03-02T14:00, 2026-03-02T14:20) | join by (path) ({geo=\"india\"} "
          "format:=nginx_error upstream:* | stats by (path) uniq_values(upstream) as upstream) "
          "| stats by (tenant, url_group, upstream) count() as n | sort by (n desc)"},
    {"3", "format:=nginx_timing | stats by (geo, route, _time:1m) quantile(0.5, duration) as p50, "
          "quantile(0.95, duration) as p95, quantile(0.99, duration) as p99, "
          "max(duration) as worst, rate() as rps"},
    {"4", "format:=nginx_timing _time:30m | stats by (geo, _time:10m) count() if (status:500) as "
          "bad, count() as n | math bad * 100 / (n + 100) as pct | stats by (geo) min(pct) as value"},
    {"5", "format:=nginx_timing _time:30d | stats by (tenant) count() as requests, sum(bytes) as "
          "sent, sum(duration) as server_time | sort by (server_time desc) limit 50"},
    {"6", "format:=nginx_timing tenant:=river-clinic url_group:=phone/restore _time:30d | stats by "
          "(_time:1d) count() as restores, quantile(0.95, duration) as p95, sum(bytes) as payload"},
    {"7", "format:=nginx_timing method:=POST url_group:=receiver status:!=401 | stats by (tenant, "
          "_time:1h) count() if (status:201) as ok, count() as n | math ok * 100 / n as success"},
    {"8", "format:=celery queue:=export_download_queue _time:4h | stats by (task) count() as n, "
          "rate() as per_second, quantile(0.95, duration) as p95, count() if (level:>=error) as "
          "failed"},
    {"9a", "{role=\"web\"} level:>=error _time:2h | patterns since 2026-03-02T09:30Z | sort by "
           "(count desc)"},
    {"9b", "format:=nginx_timing _time:30m | stats by (url_group) quantile(0.95, duration) as p95, "
           "count() as n | diff offset 30m | sort by (p95_delta desc)"},
    {"10", "format:in(postgres_csv, postgres_stderr) duration:>1s _time:1h | stats by (fingerprint, "
           "database, host) count() as n, sum(duration) as total, max(duration) as worst | sort by "
           "(total desc) | diff offset 1w"},
    {"11", "format:in(elastic_slow, elastic_json) duration:>2s | extract '\"domain\":\"<dom>\"' "
           "from statement | stats by (index, dom) count() as n, row_max(duration, statement) as "
           "slowest | sort by (n desc)"},
    {"12", "format:=commcare_couch path:!~\"_changes\" | stats by (database, url_group, task) "
           "avg(duration) as mean, quantile(0.95, duration) as p95 | sort by (p95 desc)"},
    {"13", "format:=nginx_rt_cache tenant:=river-clinic _time:12h | stats by (client, _time:1m) "
           "count() as per_minute | stats quantile(0.95, per_minute) as limit_for_95"},
    {"14", "format:=nginx_timing url_group:=receiver method:=POST _time:2026-02 | stats by "
           "(_time:15m) count() as n | stats by (_time:1d) max(n) as peak_15m, sum(n) as per_day"},
    {"15", "metric:=node_filesystem_avail_bytes _time:30d | stats by (host, mountpoint) "
           "forecast(value, 30d) as left | where left:<0"},
    {"16", "metric:=dendro_shipper_lag_bytes _time:5m | last 1 by (_time) partition by (host, "
           "path) | sort by (value desc) limit 20"},
    {"18", "user:=nurse4 _time:[2026-03-02T08:00, 2026-03-02T12:00) | sort by (_time) | fields "
           "_time, host, method, path, status, duration"},
    {"18 audit", "role:=audit action:=query query:*nurse4*"},
    {"20", "format:=nginx_rt_cache | stats by (url_group, tenant) sum(bytes) as sent, count() if "
           "(cache:=HIT) as hit, count() as n | math hit * 100 / n as hit_pct | sort by (sent desc)"},
    {"21", "route:=api | stats by (tenant, url_group, agent, _time:1m) count() as n | stats by "
           "(tenant, url_group, agent) max(n) as peak, sum(n) as total | sort by (peak desc) limit "
           "50"},
    {"23", "format:=nginx_timing _time:7d | stats by (url_group) count() as n | diff offset 7d | "
           "sort by (n_ratio desc)"},
    {"+", "\"MemoryError\" _time:1d | context before 20 after 5 across host"},
};

static void test_examples(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        struct buf once = buf_empty(1 << 20), twice = buf_empty(1 << 20);
        struct query_problem problem = {0};
        bool ok = parse_and_print(examples[i].text, &once, &problem);

        print_message("  task %s\n", examples[i].task);
        if (!ok)
            fail_msg("at %zu: %s", problem.at, problem.message);
        assert_true(buf_append_byte(&once, '\0'));
        assert_true(parse_and_print(once.data, &twice, &problem));
        assert_true(buf_append_byte(&twice, '\0'));
        assert_string_equal(once.data, twice.data);
        buf_release(&once);
        buf_release(&twice);
    }
}

static const struct error_case {
    const char *name, *text;
    size_t at, length;
    const char *code, *hint, *part; /* of the message */
} error_cases[] = {
    /* 01234567890123456789012345678901234567890 */
    {"unknown pipe", "level:error _time:5m | stat by (x) count()", 23, 4, "query_syntax", "stats",
     "unknown pipe \"stat\""},
    {"what diff takes", "* | diff with x", 9, 4, "query_syntax", "", "offset or against"},
    {"diff against without brackets", "* | diff against x", 17, 1, "query_syntax", "", "("},
    {"hash of nothing", "* | hash () as h", 10, 1, "query_syntax", "", "field name"},
    {"len without a name", "* | len (a)", 11, 0, "query_syntax", "", "as"},
    {"unknown function", "a contain_any(x)", 2, 11, "query_syntax", "contains_any",
     "unknown function"},
    {"unknown stats function", "* | stats cuont() as n", 10, 5, "query_syntax", "count",
     "unknown stats function"},
    {"bracket not closed", "(a or b", 7, 0, "query_syntax", "", "end of query"},
    {"bracket too many", "a)", 1, 1, "query_syntax", "", "unexpected \")\""},
    {"nothing behind a bar", "a | ", 4, 0, "query_syntax", "", "expected pipe"},
    {"string without end", "a \"b", 2, 2, "query_syntax", "\"", "no end"},
    {"duration without a unit", "duration:>5", 10, 1, "query_type", "5s", "needs a unit"},
    {"duration without a unit, as text", "duration:5", 9, 1, "query_type", "5s", "needs a unit"},
    {"duration without a unit, in a range", "duration:range[1s, 5)", 19, 1, "query_type", "5s",
     "needs a unit"},
    {"unknown level", "level:>=waning", 8, 6, "query_type", "warning", "unknown level"},
    {"half a substring", "*abc", 1, 3, "query_syntax", "*abc*", "star at both ends"},
    {"bare keyword", "a and or b", 6, 2, "query_syntax", "\"or\"", "unexpected \"or\""},
    {"not a time", "_time:yesterday", 6, 9, "query_type", "", "not a time"},
    {"quantile out of range", "* | stats quantile(1.5, x)", 19, 3, "query_type", "", "0 to 1"},
    {"time bucket without unit", "* | stats by (_time:5) count()", 20, 1, "query_type", "",
     "time bucket"},
    {"too few arguments", "* | stats sum() as n", 10, 5, "query_syntax", "", "takes 1 field"},
    {"not a network", "client:ipv4_range(\"10.0.0.300/8\")", 18, 14, "query_type",
     "ipv4_range(\"10.0.0.0/8\")", "not an IPv4"},
    {"a bound that is no number", "status:>=abc", 9, 3, "query_type", "500",
     "compared with a number, not with \"abc\""},
    {"a bound of another unit", "status:<5s", 8, 2, "query_type", "5", "compared with a number"},
    {"a size that is a duration", "bytes:>5m", 7, 2, "query_type", "5MB", "compared with a size"},
    {"a duration that is a size", "duration:>5MB", 10, 3, "query_type", "5s", "with a duration"},
    {"a bound of a range that is no number", "status:range[500, abc]", 18, 3, "query_type", "500",
     "compared with a number"},
    {"a sample is a bare number", "value:>5s", 7, 2, "query_type", "5", "compared with a number"},
    {"a bound that is no address", "client:>10.1", 8, 4, "query_type", "ipv4_range(\"10.0.0.0/8\")",
     "compared with an IPv4 address"},
    {"a unit that does not touch", "bytes:>1 MB", 7, 4, "query_type", "1MB", "touches"},
    {"a range from above", "status:range[599, 500]", 13, 8, "query_type", "500, 599",
     "its lower end comes first"},
    {"a range of levels from above", "level:range[error, debug]", 12, 12, "query_type",
     "debug, error", "its lower end comes first"},
    {"a range of texts from above", "user:range[b, a]", 11, 4, "query_type", "a, b",
     "its lower end comes first"},
    {"a range of nothing", "status:range(500, 500]", 13, 8, "query_type", "[500, 500]", "open end"},
    {"a length from above", "len_range(_msg, 100, 10)", 16, 7, "query_type", "10, 100",
     "its lower end comes first"},
    {"addresses from above", "client:ipv4_range(10.0.0.9, 10.0.0.1)", 18, 18, "query_type",
     "10.0.0.1, 10.0.0.9", "its lower end comes first"},
    {"a network of 99 bits", "client:10.0.0.0/99", 7, 11, "query_type", "10.0.0.0/8",
     "at most 32 bits"},
    {"a network of 129 bits", "client:\"2001:db8::/129\"", 7, 16, "query_type", "\"2001:db8:\"*",
     "at most 128 bits"},
    {"a network of IPv6", "client:=\"2001:db8::/32\"", 8, 15, "query_type", "\"2001:db8:\"*",
     "network of IPv6"},
    {"no address", "client:10.0.0.300", 7, 10, "query_type", "10.0.0.1", "go up to 255"},
    {"a network among addresses", "client:in(10.0.0.1, 10.0.0.0/8)", 20, 10, "query_type",
     "(10.0.0.0/8 or 10.1.2.3)", "a test of its own"},
    {"a class of statuses", "status:5xx", 7, 3, "query_type", "5*", "is no number"},
    {"statuses with a dash", "status:in(500-599)", 10, 7, "query_type", "range[500, 599]",
     "is no number"},
    {"an equal sign without a colon", "status=500", 6, 1, "query_syntax", "status:=500", "a colon"},
    {"two equal signs", "a status==500 b", 8, 2, "query_syntax", "status:==500", "a colon"},
    {"a comparison without a colon", "status >= 500", 7, 2, "query_syntax", "status:>=500",
     "a colon"},
    {"an equal sign between blanks", "level = error", 6, 1, "query_syntax", "level:=error",
     "a colon"},
    {"an equal sign in a value", "path:/x?a=1 b", 9, 1, "query_syntax", "\"/x?a=1\"", "quotes"},
    {"a comparison of no field", ">=500", 2, 3, "query_syntax", "status:>=500", "which one?"},
    {"values without commas", "status:in(500 502)", 9, 9, "query_syntax",
     "in(500, 502) or in(status:>=500 | uniq by (user))", "commas"},
    {"selector without value", "{geo=}", 5, 1, "query_syntax", "", "unexpected \"}\""},
    {"math without name", "* | math a + 1", 14, 0, "query_syntax", "", "as"},
    {"bad regex, at its byte", "path:~\"/a(b\"", 11, 1, "query_syntax", "", "regex:"},
    {"bad regex with escapes", "path:~\"\\\\d(b\"", 6, 7, "query_syntax", "", "regex:"},
    {"bad regex in a selector", "{geo=~\"[\"}", 8, 1, "query_syntax", "", "regex:"},
    {"control byte", "a \x01", 2, 1, "query_syntax", "", "byte 0x01"},
    {"zero rows of a sort", "* | sort by (a) limit 0", 22, 1, "query_syntax", "", "above 0"},
};

static void test_errors(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(error_cases); i++) {
        const struct error_case *c = &error_cases[i];
        struct buf out = buf_empty(1 << 20);
        struct query_problem problem = {0};

        print_message("  %s\n", c->name);
        assert_false(parse_and_print(c->text, &out, &problem));
        print_message("    %zu+%zu %s [%s]\n", problem.at, problem.length, problem.message,
                      problem.hint);
        assert_int_equal(problem.at, c->at);
        assert_int_equal(problem.length, c->length);
        assert_string_equal(problem.code, c->code);
        assert_string_equal(problem.hint, c->hint);
        assert_non_null(strstr(problem.message, c->part));
        buf_release(&out);
    }
}

static void test_line_of_error(void **unused)
{
    struct buf out = buf_empty(1000);
    struct query_problem problem = {0};

    (void)unused;
    assert_false(parse_and_print("error\n| fields a\n| srot by (a)", &out, &problem));
    assert_int_equal(problem.line, 3);
    assert_int_equal(problem.at, 19); /* 6 + 11 + 2 */
    assert_string_equal(problem.hint, "sort");
    buf_release(&out);
}

static enum status parse_repeated(const char *before, const char *piece, size_t count,
                                  const char *behind, struct query_problem *problem)
{
    struct arena arena = arena_empty(QUERY_TREE_SIZE_MAX);
    struct buf text = buf_empty(1 << 22);
    struct query_tree tree;
    enum status status;

    assert_true(buf_append_text(&text, before));
    for (size_t i = 0; i < count; i++)
        assert_true(buf_append_text(&text, piece));
    assert_true(buf_append_text(&text, behind));
    status = grammar_query(buf_slice(&text), &arena, &tree, problem);
    buf_release(&text);
    arena_release(&arena);
    return status;
}

static void test_limits(void **unused)
{
    struct query_problem problem = {0};

    (void)unused;
    assert_int_equal(parse_repeated("", "(", 64, "a", &problem), STATUS_INVALID); /* unclosed */
    assert_int_equal(parse_repeated("", "(", 65, "a", &problem), STATUS_TOO_LARGE);
    assert_int_equal(problem.at, 64);
    assert_string_equal(problem.code, "query_limit");
    assert_int_equal(parse_repeated("a", " ", 65535, "", &problem), STATUS_OK);
    assert_int_equal(parse_repeated("a", " ", 65536, "", &problem), STATUS_TOO_LARGE);
    assert_int_equal(parse_repeated("x:in(1", ",1", 9999, ")", &problem), STATUS_OK);
    assert_int_equal(parse_repeated("x:in(1", ",1", 10000, ")", &problem), STATUS_TOO_LARGE);
    assert_int_equal(parse_repeated("*", "|limit 1", 64, "", &problem), STATUS_OK);
    assert_int_equal(parse_repeated("*", "|limit 1", 65, "", &problem), STATUS_TOO_LARGE);
    assert_int_equal(parse_repeated("!x:", "!", 64, "a", &problem), STATUS_OK);
    assert_int_equal(parse_repeated("x:", "!", 65, "a", &problem), STATUS_TOO_LARGE);
    assert_int_equal(parse_repeated("* | math ", "-", 65, "a as b", &problem), STATUS_TOO_LARGE);
}

/* Lists take as many items as limits.h says, 256 and 64 pipes, and not one more. */
static void test_list_limits(void **unused)
{
    static const struct {
        const char *before, *piece, *behind, *message; /* the first item is in `before` */
    } lists[] = {
        {"* | fields a", ",a", "", "more than 256 names"},
        {"* | sort by (a", ",a desc", ")", "more than 256 keys"},
        {"* | rename a as b", ",a as b", "", "more than 256 names"},
        {"* | stats by (a", ",a:5", ") count()", "more than 256 keys"},
        {"* | stats count()", ",sum(a) as b", "", "more than 256 functions"},
        {"* | math a as b", ",a + 1 as b", "", "more than 256 results"},
        {"{a=b", ",a=~\"b\"", "}", "more than 256 labels"},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        struct query_problem problem = {0};

        print_message("  %s\n", lists[i].before);
        assert_int_equal(parse_repeated(lists[i].before, lists[i].piece, 255, lists[i].behind, &problem),
                         STATUS_OK);
        assert_int_equal(parse_repeated(lists[i].before, lists[i].piece, 256, lists[i].behind, &problem),
                         STATUS_TOO_LARGE);
        assert_string_equal(problem.message, lists[i].message);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),  cmocka_unit_test(test_examples),
        cmocka_unit_test(test_errors), cmocka_unit_test(test_line_of_error),
        cmocka_unit_test(test_limits), cmocka_unit_test(test_list_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* tests/query/test_text_pipes.c -- pipes that change texts or rows: answers written by hand. The text
 * comes from `format`, so that one row of the fixture is enough. */
#include "tests/query/query_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct fixture fixture;

static int make(void **unused)
{
    (void)unused;
    fixture_make(&fixture, 1, 1, false);
    return 0;
}

static int drop(void **unused)
{
    (void)unused;
    fixture_free(&fixture);
    return 0;
}

static const struct text_case {
    const char *name, *text, *pipe, *expected;
} text_cases[] = {
    {"every place", "a.b.c", "replace (\".\", \"--\") at t", "a--b--c"},
    {"all of it gone", "xx", "replace (\"x\", \"\") at t", ""},
    {"does not occur", "ab", "replace (\"x\", \"-\") at t", "ab"},
    {"every match", "a1b22", "replace_regexp (\"[0-9]+\", \"#\") at t", "a#b#"},
    {"groups", "k=v", "replace_regexp (\"(.)=(.)\", \"$2=$1\") at t", "v=k"},
    {"whole match and dollar", "ab", "replace_regexp (\"b\", \"<$0$$>\") at t", "a<b$>"},
    {"a group that does not exist is empty", "ab", "replace_regexp (\"b\", \"[$7]\") at t", "a[]"},
    {"a dollar alone is itself", "ab", "replace_regexp (\"b\", \"$x$\") at t", "a$x$"},
    {"empty matches", "ab", "replace_regexp (\"x*\", \"-\") at t", "-a-b-"},
    {"anchors hold once", "aa", "replace_regexp (\"^a\", \"b\") at t", "ba"},
    {"no match", "ab", "replace_regexp (\"x\", \"-\") at t", "ab"},
    {"all gone", "aaa", "replace_regexp (\"a\", \"\") at t", ""},
    {"colours", "\x1b[1;31mred\x1b[0m end", "decolorize at t", "red end"},
    {"no sequence", "[1;31m", "decolorize at t", "[1;31m"},
    {"cut sequence stays", "x\x1b[31", "decolorize at t", "x\x1b[31"},
    {"numbers", "took 12ms of 3, id 0x1F", "collapse_nums at t", "took <N>ms of <N>, id <N>"},
    {"hex needs a digit and 4 bytes", "deadbeef 7f3c9a51 a1b bad0", "collapse_nums at t",
     "deadbeef <N> a1b <N>"},
    {"address", "10.0.0.1:80", "collapse_nums at t", "<N>.<N>.<N>.<N>:<N>"},
    {"words with digits stay", "web12 x86_64 12th_x", "collapse_nums at t", "web12 x86_64 12th_x"},
    {"uuid", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "collapse_nums at t",
     "<N>-<N>-<N>-<N>-<N>"},
};

static void test_texts(void **unused)
{
    char query[400], expected[200];

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(text_cases); i++) {
        const struct text_case *c = &text_cases[i];
        struct answer answer;

        print_message("  %s\n", c->name);
        snprintf(query, sizeof(query), "* | format \"%s\" as t | %s | fields t", c->text, c->pipe);
        snprintf(expected, sizeof(expected), "t=%s", c->expected);
        answer_of(&fixture, query, NULL, &answer);
        assert_int_equal(answer.count, 1);
        assert_string_equal(answer.rows[0], expected);
        answer_free(&answer);
    }
}

/* Pipes behind `* |`: the whole answer, one row. { and } stand for < and >, which `format` would take
 * for a field. */
static const struct row_case {
    const char *name, *text, *pipes, *expected;
} row_cases[] = {
    {"bytes of a text", "caf\xc3\xa9", "len (t) as n", "n=5"},
    {"an empty text has none", "", "len (t) as n", "n=0"},
    {"a field that is not there has no length", "x", "len (nothing) as n | fields n, t", "t=x"},
    /* xxhsum -H3 of "abc": 78af5f94892f3950; without its lowest 11 bits */
    {"hash", "abc", "hash (t) as h", "h=4246227781756391"},
    {"words", "GET /a_b/c-1 caf\xc3\xa9!", "unpack_words from t as w",
     "w=[\"GET\",\"a_b\",\"c\",\"1\",\"caf\xc3\xa9\"]"},
    {"no word", "-- !", "unpack_words from t as w", "w=[]"},
    {"words, each once", "a b a c b", "unpack_words from t as w drop_duplicates",
     "w=[\"a\",\"b\",\"c\"]"},
    {"words in place", "a b", "unpack_words from t", "t=[\"a\",\"b\"]"},
    {"words, a row each", "a b a", "unpack_words from t | unroll t | stats by (t) count() as n "
                                  "| sort by (n desc) | limit 1", "t=a n=2"},
    {"packed", "say \\\"hi\\\"", "math 1 + 0.5 as m | pack_json fields (t, nothing, m) as p",
     "p={\"t\":\"say \\\"hi\\\"\",\"m\":1.5}"},
    {"packed, all that is seen", "x", "fields t | pack_json as p", "p={\"t\":\"x\"}"},
    {"packed, nothing there", "x", "pack_json fields (nothing) as p", "p={}"},
    {"a list stays JSON", "a b", "unpack_words from t | pack_json fields (t) as p",
     "p={\"t\":[\"a\",\"b\"]}"},
    {"packed and unpacked", "a=b \\\"c\\\"",
     "pack_json fields (t) as p | unpack_json from p prefix \"u.\" | fields u.t", "u.t=a=b \"c\""},
    {"logfmt", "two words", "len (t) as n | pack_logfmt fields (t, n) as p", "p=t=\"two words\" n=9"},
    {"logfmt of a text with an equal sign", "a=b", "pack_logfmt fields (t) as p", "p=t=\"a=b\""},
    {"logfmt and back", "two words",
     "pack_logfmt fields (t) as p | unpack_logfmt from p prefix \"u.\" | fields u.t",
     "u.t=two words"},
    {"an empty text is no value", "", "drop_empty_fields | pack_json fields (t) as p", "p={}"},
    {"others stay", "x", "drop_empty_fields | fields t", "t=x"},
    /* RFC 5424, 6.5, example 1: <34> is facility 4, severity 2 */
    {"syslog, example 1",
     "{34}1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \xef\xbb\xbf'su root' failed",
     "unpack_syslog from t prefix \"s.\" | fields s.priority, s.facility, s.facility_keyword, "
     "s.severity, s.level, s.timestamp, s.hostname, s.app_name, s.proc_id, s.msg_id, s.message",
     "s.priority=34 s.facility=4 s.facility_keyword=auth s.severity=2 s.level=crit "
     "s.timestamp=2003-10-11T22:14:15.003Z s.hostname=mymachine.example.com s.app_name=su "
     "s.msg_id=ID47 s.message='su root' failed"},
    /* example 4, and an escape (6.3.3) */
    {"syslog, structured data",
     "{165}1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 "
     "iut=\\\"3\\\" eventID=\\\"a\\\\]b\\\"][examplePriority@32473 class=\\\"high\\\"]",
     "unpack_syslog from t | fields facility_keyword, exampleSDID@32473.iut, "
     "exampleSDID@32473.eventID, examplePriority@32473.class, message",
     "facility_keyword=local4 exampleSDID@32473.iut=3 exampleSDID@32473.eventID=a]b "
     "examplePriority@32473.class=high"},
    {"syslog, nothing known", "{0}1 - - - - - -", "unpack_syslog from t prefix \"s.\" | fields s.priority, "
     "s.timestamp, s.level, s.message", "s.priority=0 s.level=emerg"},
    /* RFC 3164, 5.4, example 1 */
    {"old syslog", "{34}Oct 11 22:14:15 mymachine su: 'su root' failed",
     "unpack_syslog from t prefix \"s.\" | fields s.severity, s.timestamp, s.hostname, s.app_name, "
     "s.message", "s.severity=2 s.timestamp=Oct 11 22:14:15 s.hostname=mymachine s.app_name=su "
                  "s.message='su root' failed"},
    {"a line of a file", "Mar  2 04:05:06 web1 sshd[811]: Accepted publickey",
     "unpack_syslog from t prefix \"s.\" | fields s.priority, s.timestamp, s.app_name, s.proc_id, "
     "s.message", "s.timestamp=Mar  2 04:05:06 s.app_name=sshd s.proc_id=811 "
                  "s.message=Accepted publickey"},
    {"a stamp of ISO 8601", "2026-03-02T04:05:06.123+01:00 web1 kernel: up",
     "unpack_syslog from t prefix \"s.\" | fields s.timestamp, s.app_name, s.message",
     "s.timestamp=2026-03-02T04:05:06.123+01:00 s.app_name=kernel s.message=up"},
    {"no tag", "Mar  2 04:05:06 web1 just words", "unpack_syslog from t prefix \"s.\" | fields "
     "s.hostname, s.app_name, s.message", "s.hostname=web1 s.message=just words"},
    {"priority over 191", "{192}1 - - - - - -", "unpack_syslog from t prefix \"s.\" | fields "
     "s.priority, t", "t=<192>1 - - - - - -"},
    {"priority without digits", "{}1 - - - - - -", "unpack_syslog from t prefix \"s.\" | fields "
     "s.priority, t", "t=<>1 - - - - - -"},
    {"cut in the header", "{34}1 2003-10-11T22:14:15Z host", "unpack_syslog from t prefix \"s.\" | "
     "fields s.priority, s.timestamp, t", "t=<34>1 2003-10-11T22:14:15Z host"},
    {"data that does not end", "{34}1 - - - - - [a b=\\\"c", "unpack_syslog from t prefix \"s.\" | "
     "fields s.priority, t", "t=<34>1 - - - - - [a b=\"c"},
    {"no syslog", "just words", "unpack_syslog from t prefix \"s.\" | fields s.message, t",
     "t=just words"},
};

/* Pipes that end with no list of fields show the field that is expected. */
static void test_rows(void **unused)
{
    char query[1000];

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(row_cases); i++) {
        const struct row_case *c = &row_cases[i];
        struct answer answer;

        print_message("  %s\n", c->name);
        snprintf(query, sizeof(query),
                 "* | format \"%s\" as t | replace (\"{\", \"<\") at t | replace (\"}\", \">\") at t "
                 "| %s",
                 c->text, c->pipes);
        if (strstr(c->pipes, "| fields") == NULL && strstr(c->pipes, "stats") == NULL)
            snprintf(query + strlen(query), sizeof(query) - strlen(query), " | fields %.*s",
                     (int)strcspn(c->expected, "="), c->expected);
        answer_of(&fixture, query, NULL, &answer);
        assert_int_equal(answer.count, 1);
        assert_string_equal(answer.rows[0], c->expected);
        answer_free(&answer);
    }
}

/* Cut anywhere, a message is read or is none; it never breaks the query. */
static void test_syslog_cut(void **unused)
{
    static const char *const texts[] = {
        "{165}1 2003-10-11T22:14:15Z host app 1 ID [a@1 b=\"c\\\"d\" e=\"\"][f@2] text",
        "{34}Oct 11 22:14:15 host su[12]: text",
    };
    char query[400];

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        for (size_t size = 0; size <= strlen(texts[i]); size++) {
            struct answer answer;

            snprintf(query, sizeof(query),
                     "* | format `%.*s` as t | replace (\"{\", \"<\") at t | "
                     "replace (\"}\", \">\") at t | unpack_syslog from t prefix \"s.\" | fields "
                     "s.priority",
                     (int)size, texts[i]);
            answer_of(&fixture, query, NULL, &answer);
            assert_int_equal(answer.count, 1);
            if (size == strlen(texts[i]))
                assert_string_equal(answer.rows[0], i == 0 ? "s.priority=165" : "s.priority=34");
            answer_free(&answer);
        }
}

/* Shares by hand: 1 1 2 are 2/3 and 1/3; 1 2 3 3 are 1/4, 1/4 and 1/2. The differences are 5/12, 1/12
 * and 1/2, half of their sum is 1/2. */
static const struct against_case {
    const char *name, *query;
    const char *rows[3];
    const char *warning;
} against_cases[] = {
    {"shares", "* | format '[1,1,2]' as a | unroll a | fields a | diff against "
               "(* | format '[1,2,3,3]' as a | unroll a | fields a)",
     {"field=a difference=0.5 value=3 share=0 share_against=0.5"}, ""},
    {"the same", "* | format '[1,2]' as a | unroll a | fields a | diff against "
                 "(* | format '[2,1,2,1]' as a | unroll a | fields a)", {NULL}, ""},
    {"has and has not, and a field behind it by name",
     "* | format 'x' as k | format 'y' as b | format 'z' as same | fields k, b, same | diff against "
     "(* | format 'w' as b | format 'z' as same | fields b, same)",
     {"field=b difference=1 value=w share=0 share_against=1",
      "field=k difference=1 value=x share=1 share_against=0"}, ""},
    {"most different first", "* | format '[1,2]' as a | format 'u' as b | unroll a | fields a, b | "
                             "diff against (* | format '1' as a | format 'v' as b | fields a, b) | "
                             "fields field, difference", {"field=b difference=1",
                                                          "field=a difference=0.5"}, ""},
    {"none on this side", "nothing_like_this | fields host | diff against (*)", {NULL},
     "diff against: there are no rows on this side"},
    {"none on the other", "* | fields host | diff against (nothing_like_this)", {NULL},
     "diff against: there are no rows on the other side"},
};

static void test_against(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(against_cases); i++) {
        const struct against_case *c = &against_cases[i];
        struct answer answer;
        uint32_t count = 0;

        print_message("  %s\n", c->name);
        answer_of(&fixture, c->query, NULL, &answer);
        while (count < COUNT_OF(c->rows) && c->rows[count] != NULL)
            count++;
        assert_int_equal(answer.count, count);
        for (uint32_t row = 0; row < count; row++)
            assert_string_equal(answer.rows[row], c->rows[row]);
        assert_string_equal(answer.warning, c->warning);
        answer_free(&answer);
    }
}

static const struct unroll_case {
    const char *name, *pipes;
    const char *rows[4];
} unroll_cases[] = {
    {"a row per element", "format '[1,\"b\",{\"c\":2}]' as a | format 'x' as k | unroll a | fields k, a",
     {"k=x a=1", "k=x a=b", "k=x a={\"c\":2}"}},
    {"side by side", "format '[1,2]' as a | format '[\"x\"]' as b | unroll by (a, b) | fields a, b",
     {"a=1 b=x", "a=2"}},
    {"null has no value", "format '[null,1]' as a | unroll a | fields a, b", {"", "a=1"}},
    {"no array stays", "format '{' as a | unroll a | fields a", {"a={"}},
    {"an empty array keeps the row", "format '[]' as a | format 'x' as k | unroll a | fields k, a",
     {"k=x"}},
    {"counted", "format '[1,2,3]' as a | unroll a | stats count() as n", {"n=3"}},
    {"limit ends it", "format '[1,2,3]' as a | unroll a | limit 2 | fields a", {"a=1", "a=2"}},
    {"a field that is not there", "unroll nothing | stats count() as n", {"n=1"}},
};

static void test_unroll(void **unused)
{
    char query[400];

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(unroll_cases); i++) {
        const struct unroll_case *c = &unroll_cases[i];
        struct answer answer;
        uint32_t count = 0;

        print_message("  %s\n", c->name);
        snprintf(query, sizeof(query), "* | %s", c->pipes);
        answer_of(&fixture, query, NULL, &answer);
        while (count < COUNT_OF(c->rows) && c->rows[count] != NULL)
            count++;
        assert_int_equal(answer.count, count);
        for (uint32_t row = 0; row < count; row++)
            assert_string_equal(answer.rows[row], c->rows[row]);
        answer_free(&answer);
    }
}

/* More elements than are gathered at once. */
static void test_unroll_many(void **unused)
{
    struct buf query = buf_empty(1 << 20);
    struct answer answer;

    (void)unused;
    assert_true(buf_append_text(&query, "* | format '[1"));
    for (int i = 1; i < 20000; i++)
        assert_true(buf_append_text(&query, ",1"));
    assert_true(buf_append_text(&query, "]' as a | unroll a | stats sum(a) as n"));
    assert_true(buf_append_byte(&query, '\0'));
    answer_of(&fixture, query.data, NULL, &answer);
    assert_string_equal(answer.rows[0], "n=20000");
    answer_free(&answer);
    buf_release(&query);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_syslog_cut),
        cmocka_unit_test(test_against),
        cmocka_unit_test(test_unroll),
        cmocka_unit_test(test_unroll_many),
    };

    return cmocka_run_group_tests(tests, make, drop);
}

/* tests/collector/test_format_proxy.c -- nginx and Apache. Expected values are read off the lines by
 * hand; the rules are in collector/formats/README.md. */
#include "collector/formats/formats.h"
#include "collector/formats/scan.h"
#include "format_case.h"

#define T11 "2026-04-02T09:20:11.000000Z"

static const struct format_case timing_cases[] = {
    {.name = "all values, a blank in the target, no referer",
     .event = "[02/Apr/2026:09:20:11 +0000] MISS GET /a/river-clinic/apps/download/12/media "
              "list.ccpr?v=3 HTTP/1.1 200 4.216 630 18077 -",
     .time = T11, .level = LEVEL_INFO,
     .fields = {"cache=MISS", "method=GET", "path=/a/river-clinic/apps/download/12/media list.ccpr",
                "params=v=3", "status=200", "duration=4.216 s", "bytes_in=630 B", "bytes=18077 B"}},
    {.name = "2017: cache status, no lengths",
     .event = "[01/Sep/2017:20:14:43 +0000] HIT GET /a/icds-cas/apps/download/01d1/modules-11/"
              "forms-6.xml?profile=c708 HTTP/1.1 200 18.067",
     .time = "2017-09-01T20:14:43.000000Z", .level = LEVEL_INFO,
     .fields = {"cache=HIT", "method=GET",
                "path=/a/icds-cas/apps/download/01d1/modules-11/forms-6.xml",
                "params=profile=c708", "status=200", "duration=18.067 s"}},
    {.name = "referer, absent cache",
     .event = "[28/Oct/2015:15:18:14 +0000] - GET /a/anydomain/icds_dashboard/anything HTTP/1.1 401 "
              "0.242 216 455 https://www.icds-cas.gov.in/a/icds-cas/icds_dashboard/",
     .time = "2015-10-28T15:18:14.000000Z", .level = LEVEL_WARNING,
     .fields = {"method=GET", "path=/a/anydomain/icds_dashboard/anything", "status=401",
                "duration=0.242 s", "bytes_in=216 B", "bytes=455 B",
                "referer=https://www.icds-cas.gov.in/a/icds-cas/icds_dashboard/"}},
    {.name = "blanks in the query, no referer",
     .event = "[28/Oct/2015:15:18:14 +0000] - GET /a/infomovel-ccs/apps/download/81/m.ccpr?"
              "latest=true&profile=None word1 word2 HTTP/1.1 200 1.2 61 538611",
     .time = "2015-10-28T15:18:14.000000Z", .level = LEVEL_INFO,
     .fields = {"method=GET", "path=/a/infomovel-ccs/apps/download/81/m.ccpr",
                "params=latest=true&profile=None word1 word2", "status=200", "duration=1.2 s",
                "bytes_in=61 B", "bytes=538611 B"}},
    {.name = "2016: no cache status",
     .event = "[04/Sep/2016:21:31:41 +0000] POST /formplayer/navigate_menu HTTP/1.1 200 19.330",
     .time = "2016-09-04T21:31:41.000000Z", .level = LEVEL_INFO,
     .fields = {"method=POST", "path=/formplayer/navigate_menu", "status=200",
                "duration=19.330 s"}},
    {.name = "2015: no time", .event = "GET /a/x/y HTTP/1.1 200 0.100", .level = LEVEL_INFO,
     .detected_as_other = true,
     .fields = {"method=GET", "path=/a/x/y", "status=200", "duration=0.100 s"}},
    {.name = "referer without lengths",
     .event = "[04/Sep/2016:21:31:41 +0000] HIT GET /x HTTP/1.1 200 0.001 https://h/a/t/",
     .time = "2016-09-04T21:31:41.000000Z", .level = LEVEL_INFO,
     .fields = {"cache=HIT", "method=GET", "path=/x", "status=200", "duration=0.001 s",
                "referer=https://h/a/t/"}},
    {.name = "a trailing quote",
     .event = "[04/Sep/2016:21:31:41 +0000] HIT GET /x HTTP/1.1 200 0.001 5 6 https://h/a/t/\"",
     .time = "2016-09-04T21:31:41.000000Z", .level = LEVEL_INFO,
     .fields = {"cache=HIT", "method=GET", "path=/x", "status=200", "duration=0.001 s",
                "bytes_in=5 B", "bytes=6 B", "referer=https://h/a/t/"}},
    {.name = "HTTP/2.0, a user name in the query string",
     .event = "[04/Sep/2016:21:31:41 +0000] - GET /a/t/phone/restore/?username=u%40t HTTP/2.0 200 "
              "0.5 5 6 -",
     .time = "2016-09-04T21:31:41.000000Z", .level = LEVEL_INFO,
     .fields = {"method=GET", "path=/a/t/phone/restore/", "params=username=u%40t", "status=200",
                "duration=0.5 s", "bytes_in=5 B", "bytes=6 B"}},
    {.name = "the protocol inside the target",
     .event = "[04/Sep/2016:21:31:41 +0000] - GET /x HTTP/1.1 y HTTP/1.1 200 0.5 5 6 -",
     .time = "2016-09-04T21:31:41.000000Z", .level = LEVEL_INFO,
     .fields = {"method=GET", "path=/x HTTP/1.1 y", "status=200", "duration=0.5 s",
                "bytes_in=5 B", "bytes=6 B"}},
    {.name = "empty request", .event = "[02/Apr/2026:09:20:11 +0000] -  400 0.000", .time = T11,
     .level = LEVEL_WARNING, .fields = {"status=400", "duration=0.000 s"},
     .detected_as_other = true},
    {.name = "Borked", .event = "Borked", .refused = true},
};

static const struct format_case rt_cache_cases[] = {
    {.name = "no forwarded address",
     .event = "-,10.31.4.18 - - - HIT - [02/Apr/2026:09:20:11 +0000] \"GET /a/lake-ngo/x HTTP/2.0\" "
              "304 188 0 \"-\" \"Mozilla/5.0\"",
     .time = T11, .level = LEVEL_INFO,
     .fields = {"client=10.31.4.18", "cache=HIT", "method=GET", "path=/a/lake-ngo/x", "status=304",
                "bytes_in=188 B", "bytes=0 B", "agent=Mozilla/5.0"}},
    {.name = "a list of addresses; user; referer",
     .event = "10.9.9.9, 203.0.113.7, 10.0.0.2,10.31.4.18 - bob - - - [02/Apr/2026:09:20:11 +0000] "
              "\"POST /x HTTP/1.1\" 503 188 9 \"https://h/a/t/\" \"a b\"",
     .time = T11, .level = LEVEL_ERROR,
     .fields = {"client=203.0.113.7", "peer=10.31.4.18", "user=bob", "method=POST", "path=/x",
                "status=503", "bytes_in=188 B", "bytes=9 B", "referer=https://h/a/t/",
                "agent=a b"}},
    {.name = "TLS bytes",
     .event = "-,10.31.4.18 - - - - - [02/Apr/2026:09:20:11 +0000] \"\\x16\\x03\\x01\" 400 0 150 "
              "\"-\" \"-\"",
     .time = T11, .level = LEVEL_WARNING,
     .fields = {"client=10.31.4.18", "status=400", "bytes_in=0 B", "bytes=150 B"}},
    {.name = "Borked", .event = "Borked", .refused = true},
};

static const struct format_case nginx_access_cases[] = {
    {.name = "combined",
     .event = "10.31.4.18 - - [02/Apr/2026:09:20:11 +0000] \"GET /x?a=b HTTP/1.1\" 200 5 "
              "\"http://h/\" \"M\\x22x\"",
     .time = T11, .level = LEVEL_INFO,
     .fields = {"client=10.31.4.18", "method=GET", "path=/x", "params=a=b", "status=200",
                "bytes=5 B", "referer=http://h/", "agent=M\\x22x"}},
    {.name = "forwarded, request time and a list of upstream times",
     .event = "10.31.4.18 - - [02/Apr/2026:09:20:11 +0000] \"GET /x HTTP/1.1\" 200 5 \"-\" \"M\" "
              "\"198.51.100.4\" 0.101 0.012, 0.030 : 0.004",
     .time = T11, .level = LEVEL_INFO,
     .fields = {"client=198.51.100.4", "peer=10.31.4.18", "method=GET", "path=/x", "status=200",
                "bytes=5 B", "agent=M", "duration=0.101 s", "~upstream_duration=0.046 s"}},
    {.name = "one upstream time is a span",
     .event = "10.31.4.18 - - [02/Apr/2026:09:20:11 +0000] \"GET /x HTTP/1.1\" 200 5 \"-\" \"M\" "
              "0.101 0.012",
     .time = T11, .level = LEVEL_INFO,
     .fields = {"client=10.31.4.18", "method=GET", "path=/x", "status=200", "bytes=5 B", "agent=M",
                "duration=0.101 s", "upstream_duration=0.012 s"}},
    {.name = "499, an absolute URL as target",
     .event = "::1 - - [02/Apr/2026:09:20:11 +0000] \"GET http://h/a/x?y HTTP/1.1\" 499 0 \"-\" "
              "\"M\"",
     .time = T11, .level = LEVEL_WARNING,
     .fields = {"client=::1", "method=GET", "path=/a/x", "params=y", "status=499", "bytes=0 B",
                "agent=M"}},
    {.name = "request dash", .event = "10.0.0.1 - - [02/Apr/2026:09:20:11 +0000] \"-\" 400 0 \"-\" "
                                      "\"-\"",
     .time = T11, .level = LEVEL_WARNING,
     .fields = {"client=10.0.0.1", "status=400", "bytes=0 B"}},
    {.name = "empty request", .event = "10.0.0.1 - - [02/Apr/2026:09:20:11 +0000] \"\" 400 0 \"-\" "
                                       "\"-\"",
     .time = T11, .level = LEVEL_WARNING,
     .fields = {"client=10.0.0.1", "status=400", "bytes=0 B"}},
    {.name = "HTTP/0.9: no protocol",
     .event = "10.0.0.1 - - [02/Apr/2026:09:20:11 +0000] \"GET /old\" 200 9 \"-\" \"-\"",
     .time = T11, .level = LEVEL_INFO,
     .fields = {"client=10.0.0.1", "method=GET", "path=/old", "status=200", "bytes=9 B"}},
    {.name = "configured log_format",
     .event = "1775121611.640 [10.0.0.1:9010] h.org \"PUT /a/t/ HTTP/1.1\" 201 0.250 req-5 HIT 77",
     .time = "2026-04-02T09:20:11.640000Z", .level = LEVEL_INFO, .detected_as_other = true,
     .settings = {.log_format = SLICE_INIT("$msec [$upstream_addr] $host \"$request\" $status $request_time "
                                 "$request_id $upstream_cache_status ${request_length}")},
     .fields = {"upstream=10.0.0.1:9010", "server=h.org", "method=PUT", "path=/a/t/", "status=201",
                "duration=0.250 s", "request_id=req-5", "cache=HIT", "bytes_in=77 B"}},
    {.name = "bytes that are not UTF-8 stay",
     .event = "10.0.0.1 - - [02/Apr/2026:09:20:11 +0000] \"GET /\xe9 HTTP/1.1\" 200 5 \"-\" "
              "\"\xff\"",
     .time = T11, .level = LEVEL_INFO,
     .fields = {"client=10.0.0.1", "method=GET", "path=/\xe9", "status=200", "bytes=5 B",
                "agent=\xff"}},
    {.name = "Borked", .event = "Borked", .refused = true},
};

static const struct format_case nginx_error_cases[] = {
    {.name = "connection refused",
     .event = "2018/01/03 19:04:31 [error] 22548#22549: *16560854 connect() failed (111: Connection "
              "refused) while connecting to upstream, client: 192.0.2.12, server: "
              "www.commcarehq.org, request: \"GET /a/dimagi/apps/view/ba37/current_version/ "
              "HTTP/2.0\", upstream: \"http://10.1.1.1:9010/a/dimagi/\", host: "
              "\"www.commcarehq.org\", referrer: \"https://www.commcarehq.org/a/dimagi/\"",
     .time = "2018-01-03T19:04:31.000000Z", .level = LEVEL_ERROR,
     .fields = {"pid=22548", "thread=22549", "client=192.0.2.12", "server=www.commcarehq.org",
                "method=GET", "path=/a/dimagi/apps/view/ba37/current_version/",
                "upstream=http://10.1.1.1:9010/a/dimagi/",
                "referer=https://www.commcarehq.org/a/dimagi/",
                "~error_class=connection_refused"}},
    {.name = "rate limit",
     .event = "2020/01/29 08:18:05 [error] 110579#110579: *23672990 limiting requests, excess: "
              "50.090 by zone \"app_downloads\", client: 192.0.2.33, server: cas.commcarehq.org, "
              "request: \"GET /a/icds-cas/apps/download/66d1/m.ccpr?latest=true HTTP/2.0\", host: "
              "\"cas.commcarehq.org\"",
     .time = "2020-01-29T08:18:05.000000Z", .level = LEVEL_ERROR,
     .fields = {"pid=110579", "thread=110579", "zone=app_downloads", "client=192.0.2.33",
                "server=cas.commcarehq.org", "method=GET",
                "path=/a/icds-cas/apps/download/66d1/m.ccpr", "params=latest=true",
                "~error_class=rate_limited"}},
    {.name = "master process, no connection",
     .event = "2026/04/02 09:20:11 [notice] 1#1: signal 1 (SIGHUP) received, reconfiguring",
     .time = T11, .level = LEVEL_NOTICE, .fields = {"pid=1", "thread=1", "~error_class=other"}},
    {.name = "commas and quotes in the request",
     .event = "2026/04/02 09:20:11 [warn] 5#6: *7 a client request body is buffered to a temporary "
              "file /x, client: 10.0.0.1, server: h, request: \"GET /x?a=\", client: y HTTP/1.1\", "
              "host: \"h\"",
     .time = T11, .level = LEVEL_WARNING,
     .fields = {"pid=5", "thread=6", "client=10.0.0.1", "server=h", "method=GET", "path=/x",
                "params=a=\", client: y", "~error_class=buffered_client"}},
    {.name = "FastCGI text over lines, the tail on the last",
     .event = "2026/04/02 09:20:11 [error] 5#6: *7 FastCGI sent in stderr: \"PHP message: a\nb\" "
              "while reading, client: 10.0.0.1, server: h, request: \"GET / HTTP/1.1\", host: \"h\"",
     .time = T11, .level = LEVEL_ERROR,
     .fields = {"pid=5", "thread=6", "client=10.0.0.1", "server=h", "method=GET", "path=/",
                "~error_class=other"}},
    {.name = "timeout",
     .event = "2026/04/02 09:20:11 [error] 5#6: *7 upstream timed out (110: Connection timed out) "
              "while reading response header from upstream, client: 10.0.0.1, server: h",
     .time = T11, .level = LEVEL_ERROR,
     .fields = {"pid=5", "thread=6", "client=10.0.0.1", "server=h",
                "~error_class=upstream_timeout"}},
    {.name = "Borked", .event = "Borked", .refused = true},
};

static const struct format_case apache_access_cases[] = {
    {.name = "%D at the end, an escaped quote in the target",
     .event = "10.31.4.18 - - [02/Apr/2026:09:20:11 +0530] \"GET /a/river-clinic/reports/?q=\\\"k "
              "HTTP/1.1\" 200 - \"-\" \"curl/8.9\" 51840",
     .time = "2026-04-02T03:50:11.000000Z", .level = LEVEL_INFO, .detected_as_other = true,
     .fields = {"client=10.31.4.18", "method=GET", "path=/a/river-clinic/reports/",
                "params=q=\\\"k", "status=200", "agent=curl/8.9", "duration=51840 us"}},
    {.name = "common", .event = "host.example - frank [02/Apr/2026:09:20:11 +0000] \"GET /x.gif "
                                "HTTP/1.0\" 200 2326",
     .time = T11, .level = LEVEL_INFO, .detected_as_other = true,
     .fields = {"client=host.example", "user=frank", "method=GET", "path=/x.gif", "status=200",
                "bytes=2326 B"}},
    {.name = "vhost_combined",
     .event = "www.h.org:443 10.0.0.1 - - [02/Apr/2026:09:20:11 +0000] \"GET / HTTP/1.1\" 200 5 "
              "\"-\" \"M\"",
     .time = T11, .level = LEVEL_INFO, .detected_as_other = true,
     .fields = {"server=www.h.org", "client=10.0.0.1", "method=GET", "path=/", "status=200",
                "bytes=5 B", "agent=M"}},
    {.name = "a user with a blank, IPv6",
     .event = "2001:db8::1 - j r [02/Apr/2026:09:20:11 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"M\"",
     .time = T11, .level = LEVEL_INFO, .detected_as_other = true,
     .fields = {"client=2001:db8::1", "user=j r", "method=GET", "path=/", "status=200",
                "bytes=5 B", "agent=M"}},
    {.name = "**%T/%D**",
     .event = "10.0.0.1 - - [02/Apr/2026:09:20:11 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"M\" "
              "**0/51840**",
     .time = T11, .level = LEVEL_INFO, .detected_as_other = true,
     .fields = {"client=10.0.0.1", "method=GET", "path=/", "status=200", "bytes=5 B", "agent=M",
                "duration=51840 us"}},
    {.name = "timeout", .event = "10.0.0.1 - - [02/Apr/2026:09:20:11 +0000] \"-\" 408 - \"-\" \"-\"",
     .time = T11, .level = LEVEL_WARNING, .detected_as_other = true,
     .fields = {"client=10.0.0.1", "status=408"}},
    {.name = "the last line of a file, cut",
     .event = "10.0.0.1 - - [02/Apr/2026:09:20:11 +0000] \"GET /x HTT", .time = T11,
     .level = LEVEL_INFO, .detected_as_other = true,
     .fields = {"client=10.0.0.1", "method=GET", "path=/x"}},
    {.name = "a value that ends in a doubled backslash",
     .event = "10.0.0.1 - - [02/Apr/2026:09:20:11 +0000] \"GET /x HTTP/1.1\" 200 5 \"a\\\\\" \"M\"",
     .time = T11, .level = LEVEL_INFO, .detected_as_other = true,
     .fields = {"client=10.0.0.1", "method=GET", "path=/x", "status=200", "bytes=5 B",
                "referer=a\\\\", "agent=M"}},
    {.name = "configured LogFormat",
     .event = "h.org 10.0.0.1 [02/Apr/2026:09:20:11 +0000] \"GET /x HTTP/1.1\" 200 12 \"M\" 5",
     .time = T11, .level = LEVEL_INFO, .detected_as_other = true,
     .settings = {.log_format = SLICE_INIT("%v %h %t \\\"%r\\\" %>s %b \\\"%{User-Agent}i\\\" %{ms}T")},
     .fields = {"server=h.org", "client=10.0.0.1", "method=GET", "path=/x", "status=200",
                "bytes=12 B", "agent=M", "duration=5 ms"}},
    {.name = "Borked", .event = "Borked", .refused = true},
};

static const struct format_case apache_error_cases[] = {
    {.name = "2.2",
     .event = "[Wed Mar 04 10:15:42 2026] [error] [client 10.31.4.18] File does not exist: /x, "
              "referer: http://h/a/t/",
     .time = "2026-03-04T10:15:42.000000Z", .level = LEVEL_ERROR,
     .fields = {"client=10.31.4.18", "referer=http://h/a/t/"}},
    {.name = "2.4",
     .event = "[Wed Mar 04 10:15:42.118203 2026] [core:error] [pid 2091:tid 139944] (13)Permission "
              "denied: [client 10.31.4.18:40022] AH00035: access to / denied, referer: http://h/",
     .time = "2026-03-04T10:15:42.118203Z", .level = LEVEL_ERROR,
     .fields = {"logger=core", "pid=2091", "thread=139944", "client=10.31.4.18",
                "referer=http://h/"}},
    {.name = "empty module, no thread, IPv6",
     .event = "[Wed Mar 04 10:15:42.118203 2026] [:warn] [pid 2091] [client ::1:40022] x",
     .time = "2026-03-04T10:15:42.118203Z", .level = LEVEL_WARNING,
     .fields = {"pid=2091", "client=::1"}},
    {.name = "trace level",
     .event = "[Wed Mar 04 10:15:42.118203 2026] [ssl:trace3] [pid 2091:tid 1] x",
     .time = "2026-03-04T10:15:42.118203Z", .level = LEVEL_TRACE,
     .fields = {"logger=ssl", "pid=2091", "thread=1"}},
    {.name = "Borked", .event = "Borked", .refused = true},
};

#define TEST_OF(name, format)                                                                      \
    static void test_##name(void **unused)                                                         \
    {                                                                                              \
        (void)unused;                                                                              \
        CHECK_CASES(&format, name##_cases);                                                        \
    }

TEST_OF(timing, format_nginx_timing)
TEST_OF(rt_cache, format_nginx_rt_cache)
TEST_OF(nginx_access, format_nginx_access)
TEST_OF(nginx_error, format_nginx_error)
TEST_OF(apache_access, format_apache_access)
TEST_OF(apache_error, format_apache_error)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timing),        cmocka_unit_test(test_rt_cache),
        cmocka_unit_test(test_nginx_access),  cmocka_unit_test(test_nginx_error),
        cmocka_unit_test(test_apache_access), cmocka_unit_test(test_apache_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

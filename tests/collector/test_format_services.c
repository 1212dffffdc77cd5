/* tests/collector/test_format_services.c -- HAProxy, pgbouncer, Redis, RabbitMQ, Java programs,
 * supervisord. Expected values are read off the lines by hand; the rules are in collector/formats/README.md. */
#include "collector/formats/formats.h"
#include "collector/formats/scan.h"
#include "format_case.h"

#define T11 "2026-04-02T09:20:11.000000Z"

static const struct format_case haproxy_cases[] = {
    {.name = "HTTP, a blank in front, TLS",
     .event = " 10.31.4.18:40022 [02/Apr/2026:09:20:11.318] web-in~ hq/web2 0/0/2/84/86 200 3911 - - "
              "---- 4/4/1/1/0 0/0 \"GET /a/lake-ngo/x HTTP/1.1\"",
     .time = "2026-04-02T09:20:11.318000Z", .level = LEVEL_INFO,
     .fields = {"client=10.31.4.18", "backend=hq", "server=web2", "upstream_duration=84 ms",
                "duration=86 ms", "status=200", "bytes=3911 B", "termination=----", "method=GET",
                "path=/a/lake-ngo/x"}},
    {.name = "phases not reached, no server, status -1, cut by syslog",
     .event = "2001:db8::1:40022 [02/Apr/2026:09:20:11.318] fe be/<NOSRV> 0/-1/-1/-1/+5 -1 +0 - - "
              "CR-- 1/1/0/0/+3 0/0 {a b|c} \"GET /x HTT",
     .time = "2026-04-02T09:20:11.318000Z", .level = LEVEL_INFO,
     .fields = {"client=2001:db8::1", "backend=be", "server=<NOSRV>", "duration=5 ms",
                "bytes=0 B", "termination=CR--", "method=GET", "path=/x"}},
    {.name = "TCP",
     .event = "10.0.0.1:5 [02/Apr/2026:09:20:11.318] fe be/s1 1/0/5007 212 -- 0/0/0/0/0 0/0",
     .time = "2026-04-02T09:20:11.318000Z", .level = LEVEL_INFO,
     .fields = {"client=10.0.0.1", "backend=be", "server=s1", "duration=5007 ms", "bytes=212 B",
                "termination=--"}},
    {.name = "a session that failed before it began",
     .event = "10.31.4.18:40022 [02/Apr/2026:09:20:11.318] web-in/1: SSL handshake failure",
     .time = "2026-04-02T09:20:11.318000Z", .level = LEVEL_WARNING,
     .fields = {"client=10.31.4.18"}},
    {.name = "the default log line",
     .event = "Connect from 10.0.0.1:33317 to 10.0.0.2:8080 (www/HTTP)", .level = LEVEL_INFO,
     .fields = {"client=10.0.0.1"}},
    {.name = "a server is down",
     .event = "Server hq/web1 is DOWN, reason: Layer4 timeout, check duration: 2001ms. 1 active "
              "and 0 backup servers left.",
     .level = LEVEL_ALERT, .fields = {"backend=hq", "server=web1", "duration=2001 ms"}},
    {.name = "a server is up", .event = "Server hq/web1 is UP, reason: Layer7 check passed",
     .level = LEVEL_NOTICE, .fields = {"backend=hq", "server=web1"}},
    {.name = "going down", .event = "Server hq/web1 is going DOWN for maintenance.",
     .level = LEVEL_ALERT, .fields = {"backend=hq", "server=web1"}},
    {.name = "none is left", .event = "backend hq has no server available!",
     .level = LEVEL_EMERG, .fields = {"backend=hq"}},
    {.name = "a proxy starts", .event = "Proxy hq started.", .level = LEVEL_NOTICE,
     .fields = {"backend=hq"}},
    {.name = "a sentence about a server", .event = "Server is DOWN", .refused = true},
    {.name = "Borked", .event = "Borked", .refused = true},
};

static const struct format_case pgbouncer_cases[] = {
    {.name = "1.11: socket",
     .event = "2026-04-02 09:20:11.703 UTC [2217] LOG S-0x5581aa: hq/rw@10.31.4.7:5432 closing "
              "because: server idle timeout (age=912s)",
     .time = "2026-04-02T09:20:11.703000Z", .level = LEVEL_INFO,
     .fields = {"pid=2217", "database=hq", "user=rw", "client=10.31.4.7"}},
    {.name = "before 1.11, no login yet, IPv6",
     .event = "2026-04-02 09:20:11.703 2217 WARNING C-0x5581aa: (nodb)/(nouser)@[::1]:5432 Pooler "
              "Error: x",
     .time = "2026-04-02T09:20:11.703000Z", .level = LEVEL_WARNING,
     .fields = {"pid=2217", "client=::1"}},
    {.name = "a user with @",
     .event = "2026-04-02 09:20:11.703 UTC [2217] LOG C-0x1: hq/a@b@10.0.0.1:6 login attempt: x",
     .time = "2026-04-02T09:20:11.703000Z", .level = LEVEL_INFO,
     .fields = {"pid=2217", "database=hq", "user=a@b", "client=10.0.0.1"}},
    {.name = "statistics are microseconds",
     .event = "2026-04-02 09:20:11.703 UTC [2217] LOG stats: 5 xacts/s, 7 queries/s, in 1 B/s, out 2 "
              "B/s, xact 30 us, query 20 us, wait 0 us",
     .time = "2026-04-02T09:20:11.703000Z", .level = LEVEL_INFO,
     .fields = {"pid=2217", "duration=20 us"}},
    {.name = "Borked", .event = "Borked", .refused = true},
};

static const struct format_case redis_cases[] = {
    {.name = "5 and later", .event = "4410:M 02 Apr 2026 09:20:11.871 * Background saving "
                                     "terminated with success",
     .time = "2026-04-02T09:20:11.871000Z", .level = LEVEL_NOTICE,
     .fields = {"pid=4410", "role_code=M"}},
    {.name = "signal handler",
     .event = "4410:signal-handler (1775121611) Received SIGTERM scheduling shutdown...",
     .time = T11, .level = LEVEL_WARNING, .fields = {"pid=4410"}},
    {.name = "3.x: no year", .event = "4410:S 02 Apr 09:20:11.871 # x",
     .time = "2026-04-02T09:20:11.871000Z", .level = LEVEL_WARNING,
     .fields = {"pid=4410", "role_code=S"}},
    {.name = "2.x", .event = "[4410] 02 Apr 09:20:11.871 - x",
     .time = "2026-04-02T09:20:11.871000Z", .level = LEVEL_DEBUG, .fields = {"pid=4410"}},
    {.name = "oldest", .event = "02 Apr 09:20:11 . x", .time = T11, .level = LEVEL_DEBUG},
    {.name = "bug report follows",
     .event = "4410:M 02 Apr 2026 09:20:11.871 # === REDIS BUG REPORT START\nstack",
     .time = "2026-04-02T09:20:11.871000Z", .level = LEVEL_WARNING,
     .fields = {"pid=4410", "role_code=M"}},
    {.name = "Valkey: logfmt",
     .event = "pid=4410 role=primary timestamp=\"02 Apr 2026 09:20:11.871\" level=notice "
              "message=\"Ready to accept connections tcp\"",
     .time = "2026-04-02T09:20:11.871000Z", .level = LEVEL_NOTICE,
     .fields = {"pid=4410", "role_code=primary"}},
    {.name = "Valkey: logfmt with ISO time",
     .event = "pid=4410 role=RDB/AOF timestamp=\"2026-04-02T11:20:11.871+02:00\" level=warning "
              "message=\"x\"",
     .time = "2026-04-02T09:20:11.871000Z", .level = LEVEL_WARNING,
     .fields = {"pid=4410", "role_code=RDB/AOF"}},
    {.name = "Valkey: ISO time", .event = "4410:M 2026-04-02T09:20:11.871+00:00 * x",
     .time = "2026-04-02T09:20:11.871000Z", .level = LEVEL_NOTICE,
     .fields = {"pid=4410", "role_code=M"}},
    {.name = "Valkey: milliseconds", .event = "4410:M 1775121611871 # x",
     .time = "2026-04-02T09:20:11.871000Z", .level = LEVEL_WARNING,
     .fields = {"pid=4410", "role_code=M"}},
    {.name = "logfmt of another program", .event = "pid=1 level=info message=x", .refused = true},
    {.name = "Borked", .event = "Borked", .refused = true},
};

static const struct format_case rabbitmq_cases[] = {
    {.name = "3.6 and before",
     .event = "=WARNING REPORT==== 2-Apr-2026::09:20:11 ===\nclosing AMQP connection <0.9.0> "
              "(10.0.0.1:5 -> 10.0.0.2:5672):\nclient unexpectedly closed",
     .time = T11, .level = LEVEL_WARNING, .fields = {"client=10.0.0.1"}},
    {.name = "crash report", .event = "=CRASH REPORT==== 12-Apr-2026::09:20:11 ===\n  crasher:",
     .time = "2026-04-12T09:20:11.000000Z", .level = LEVEL_ERROR},
    {.name = "3.7", .event = "2026-04-02 09:20:11.123 [error] <0.1.0> missed",
     .time = "2026-04-02T09:20:11.123000Z", .level = LEVEL_ERROR, .fields = {"pid=<0.1.0>"}},
    {.name = "3.9, four letters, user and queue",
     .event = "2026-04-02 09:20:11.123456+00:00 [noti] <0.1.0> connection <0.1.0> (10.0.0.1:5 -> "
              "10.0.0.2:5672, vhost: '/', user: 'celery') queue 'q1' in vhost '/'",
     .time = "2026-04-02T09:20:11.123456Z", .level = LEVEL_NOTICE,
     .fields = {"pid=<0.1.0>", "client=10.0.0.1", "user=celery", "queue=q1"}},
    {.name = "seconds since the epoch", .event = "1775121611 [warning] <0.1.0> x", .time = T11,
     .level = LEVEL_WARNING, .fields = {"pid=<0.1.0>"}},
    {.name = "microseconds since the epoch", .event = "1775121611123456 [erro] <0.1.0> x",
     .time = "2026-04-02T09:20:11.123456Z", .level = LEVEL_ERROR, .fields = {"pid=<0.1.0>"}},
    {.name = "JSON",
     .event = "{\"time\":\"2026-04-02 09:20:11.123456+00:00\",\"level\":\"warning\",\"msg\":"
              "\"closing connection <0.9.0> (10.0.0.1:5 -> 10.0.0.2:5672, vhost: '/', user: 'x')\","
              "\"pid\":\"<0.9.0>\",\"domain\":\"rabbitmq.connection\"}",
     .time = "2026-04-02T09:20:11.123456Z", .level = LEVEL_WARNING,
     .fields = {"client=10.0.0.1", "user=x", "pid=<0.9.0>"}},
    {.name = "JSON: the time is a number",
     .event = "{\"time\":1775121611,\"level\":\"info\",\"msg\":\"x\",\"domain\":\"rabbitmq\"}",
     .time = T11, .level = LEVEL_INFO},
    {.name = "JSON: cut", .event = "{\"time\":1,\"level\":\"info\",\"domain\":\"rabbitmq\"",
     .refused = true},
    {.name = "Borked", .event = "Borked", .refused = true},
};

static const struct format_case java_cases[] = {
    {.name = "log4j", .event = "2026-04-02 09:20:11,123 WARN  [pool-1 thread[2]] a.b.C - message",
     .time = "2026-04-02T09:20:11.123000Z", .level = LEVEL_WARNING,
     .fields = {"thread=pool-1 thread[2]", "logger=a.b.C"}},
    {.name = "Spring Boot 2",
     .event = "2026-04-02 09:20:11.123  INFO 77 --- [           main] o.s.b.App                : "
              "Started",
     .time = "2026-04-02T09:20:11.123000Z", .level = LEVEL_INFO,
     .fields = {"pid=77", "thread=main", "logger=o.s.b.App"}},
    {.name = "Spring Boot 3: application and thread",
     .event = "2026-04-02T11:20:11.123+02:00 ERROR 77 --- [app] [nio-1] o.s.b.App : no",
     .time = "2026-04-02T09:20:11.123000Z", .level = LEVEL_ERROR,
     .fields = {"pid=77", "thread=nio-1", "logger=o.s.b.App"}},
    {.name = "logback with a trace; two digits are hundredths",
     .event = "2026-04-02 09:20:11.07 [http-nio-8080-exec-3] ERROR o.c.f.demo.MenuController - "
              "Request failed\njava.lang.IllegalStateException: no session\n\tat "
              "org.example.C.d(C.java:41)",
     .time = "2026-04-02T09:20:11.070000Z", .level = LEVEL_ERROR,
     .fields = {"thread=http-nio-8080-exec-3", "logger=o.c.f.demo.MenuController",
                "exception=java.lang.IllegalStateException"}},
    {.name = "formplayer's request",
     .event = "2026-04-02 09:20:11.071 [exec-3] INFO  o.c.f.A - Request to /navigate_menu with bean x",
     .time = "2026-04-02T09:20:11.071000Z", .level = LEVEL_INFO,
     .fields = {"thread=exec-3", "logger=o.c.f.A", "path=/navigate_menu"}},
    {.name = "Borked", .event = "Borked", .refused = true},
};

static const struct format_case kafka_cases[] = {
    {.name = "logger at the end",
     .event = "[2026-04-02 09:20:11,123] INFO [Log partition=t-0] Rolled (kafka.log.Log$)",
     .time = "2026-04-02T09:20:11.123000Z", .level = LEVEL_INFO,
     .fields = {"logger=kafka.log.Log$"}},
    {.name = "the message goes on: logger on its last line",
     .event = "[2026-04-02 09:20:11,123] INFO KafkaConfig values: \n\tadvertised.listeners = "
              "null\n\tsasl.x = (a b)\n (kafka.server.KafkaConfig)",
     .time = "2026-04-02T09:20:11.123000Z", .level = LEVEL_INFO,
     .fields = {"logger=kafka.server.KafkaConfig"}, .detected_as_other = true},
    {.name = "a trace behind the logger",
     .event = "[2026-04-02 09:20:11,123] ERROR Failed (kafka.server.X)\njava.io.IOException: no "
              "(really)\n\tat a.B.c(B.java:4)",
     .time = "2026-04-02T09:20:11.123000Z", .level = LEVEL_ERROR,
     .fields = {"logger=kafka.server.X", "exception=java.io.IOException"}},
    {.name = "request log",
     .event = "[2026-04-02 09:20:11,123] DEBUG Completed request:RequestHeader(apiKey=FETCH) -- {}, "
              "from connection 1;totalTime:12.3,requestQueueTime:0.1,securityProtocol:PLAINTEXT "
              "(kafka.request.logger)",
     .time = "2026-04-02T09:20:11.123000Z", .level = LEVEL_DEBUG,
     .fields = {"logger=kafka.request.logger", "duration=12.3 ms"}},
    {.name = "request log as JSON",
     .event = "[2026-04-02 09:20:11,123] DEBUG Completed request:{\"isForwarded\":false,"
              "\"totalTimeMs\":12.345,\"requestQueueTimeMs\":0.1} (kafka.request.logger)",
     .time = "2026-04-02T09:20:11.123000Z", .level = LEVEL_DEBUG,
     .fields = {"logger=kafka.request.logger", "duration=12.345 ms"}},
};

static const struct format_case zookeeper_cases[] = {
    {.name = "thread with brackets and colons",
     .event = "2026-04-02 09:20:11,123 [myid:1] - WARN  [QuorumPeer[myid=2]/0:0:0:0:0:0:0:0:2181:"
              "FastLeaderElection@612] - x",
     .time = "2026-04-02T09:20:11.123000Z", .level = LEVEL_WARNING,
     .fields = {"thread=QuorumPeer[myid=2]/0:0:0:0:0:0:0:0:2181", "logger=FastLeaderElection"}},
    {.name = "without myid", .event = "2026-04-02 09:20:11,123 - INFO  [main:Server@9] - x",
     .time = "2026-04-02T09:20:11.123000Z", .level = LEVEL_INFO,
     .fields = {"thread=main", "logger=Server"}},
};

static const struct format_case supervisor_cases[] = {
    {.name = "spawned", .event = "2026-04-02 09:20:11,123 INFO spawned: 'hq-web_00' with pid 77",
     .time = "2026-04-02T09:20:11.123000Z", .level = LEVEL_INFO,
     .fields = {"program=hq-web_00", "pid=77"}},
    {.name = "unexpected exit at INFO, as old releases wrote it",
     .event = "2026-04-02 09:20:11,123 INFO exited: a:b_00 (exit status 1; not expected)",
     .time = "2026-04-02T09:20:11.123000Z", .level = LEVEL_WARNING,
     .fields = {"program=a:b_00", "exit_code=1"}},
    {.name = "signal",
     .event = "2026-04-02 09:20:11,123 WARN exited: a (terminated by SIGKILL; not expected)",
     .time = "2026-04-02T09:20:11.123000Z", .level = LEVEL_WARNING,
     .fields = {"program=a", "signal=SIGKILL"}},
    {.name = "unknown pid", .event = "2026-04-02 09:20:11,123 DEBG reaped unknown pid 9",
     .time = "2026-04-02T09:20:11.123000Z", .level = LEVEL_DEBUG, .fields = {"pid=9"}},
    {.name = "Borked", .event = "Borked", .refused = true},
};

static const struct format_case runserver_cases[] = {
    {.name = "request", .event = "[02/Apr/2026 09:20:11] \"GET /a/x/ HTTP/1.1\" 404 1234",
     .time = T11, .level = LEVEL_WARNING,
     .fields = {"method=GET", "path=/a/x/", "status=404", "bytes=1234 B"}},
    {.name = "Borked", .event = "Borked", .refused = true},
};

#define TEST_OF(name, format)                                                                      \
    static void test_##name(void **unused)                                                         \
    {                                                                                              \
        (void)unused;                                                                              \
        CHECK_CASES(&format, name##_cases);                                                        \
    }

TEST_OF(haproxy, format_haproxy)
TEST_OF(pgbouncer, format_pgbouncer)
TEST_OF(redis, format_redis)
TEST_OF(rabbitmq, format_rabbitmq)
TEST_OF(java, format_java)
TEST_OF(kafka, format_kafka)
TEST_OF(zookeeper, format_zookeeper)
TEST_OF(supervisor, format_supervisor)
TEST_OF(runserver, format_django_runserver)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_haproxy),  cmocka_unit_test(test_pgbouncer),
        cmocka_unit_test(test_redis),    cmocka_unit_test(test_rabbitmq),
        cmocka_unit_test(test_java),     cmocka_unit_test(test_kafka),
        cmocka_unit_test(test_zookeeper), cmocka_unit_test(test_supervisor),
        cmocka_unit_test(test_runserver),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

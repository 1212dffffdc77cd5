/* shipper/host_parse_net.c -- network counters. Sources: proc(5), RFC 4022 (TCP-MIB), RFC 4113
 * (UDP-MIB), and the kernel's Documentation/networking. */
#include "shipper/host_metrics.h"

#include "shipper/host_parse.h"

/* ---- /proc/net/dev: "  eth0: 16 numbers", receive then transmit ---- */

void host_parse_net_dev(struct slice text, struct metric_set *set)
{
    static const char *const names[16] = {
        [0] = "node_network_receive_bytes_total",  [1] = "node_network_receive_packets_total",
        [2] = "node_network_receive_errs_total",   [3] = "node_network_receive_drop_total",
        [8] = "node_network_transmit_bytes_total", [9] = "node_network_transmit_packets_total",
        [10] = "node_network_transmit_errs_total", [11] = "node_network_transmit_drop_total",
    };
    struct slice line, device, word;
    double value;

    while (host_line(&text, &line)) {
        if (!slice_cut(&line, ':', &device))
            continue; /* the two lines of heading */
        device = slice_trim(device);
        for (size_t i = 0; i < COUNT_OF(names) && host_word(&line, &word); i++)
            if (names[i] != NULL && host_number(word, &value))
                metric_add_label(set, names[i], value, "device", device);
    }
}

/* ---- /proc/net/snmp, netstat: a line of names, then a line of values, same first word ---- */

struct pair_name {
    const char *protocol, *key, *name;
};

static void parse_pairs(struct slice text, struct metric_set *set, const struct pair_name *wanted,
                        size_t count)
{
    struct slice names, values, protocol, other, name, word;
    double value;

    while (host_line(&text, &names) && host_line(&text, &values)) {
        if (!slice_cut(&names, ':', &protocol) || !slice_cut(&values, ':', &other) ||
            !slice_equal(protocol, other))
            continue;
        while (host_word(&names, &name) && host_word(&values, &word))
            for (size_t i = 0; i < count; i++)
                if (slice_is(protocol, wanted[i].protocol) && slice_is(name, wanted[i].key) &&
                    host_number(word, &value))
                    metric_add(set, wanted[i].name, value);
    }
}

void host_parse_snmp(struct slice text, struct metric_set *set)
{
    static const struct pair_name wanted[] = {
        {"Tcp", "RetransSegs", "node_netstat_Tcp_RetransSegs"},
        {"Tcp", "InErrs", "node_netstat_Tcp_InErrs"},
        {"Tcp", "OutRsts", "node_netstat_Tcp_OutRsts"},
        {"Tcp", "CurrEstab", "node_netstat_Tcp_CurrEstab"},
        {"Tcp", "ActiveOpens", "node_netstat_Tcp_ActiveOpens"},
        {"Tcp", "PassiveOpens", "node_netstat_Tcp_PassiveOpens"},
        {"Tcp", "InSegs", "node_netstat_Tcp_InSegs"},
        {"Tcp", "OutSegs", "node_netstat_Tcp_OutSegs"},
        {"Udp", "InDatagrams", "node_netstat_Udp_InDatagrams"},
        {"Udp", "OutDatagrams", "node_netstat_Udp_OutDatagrams"},
        {"Udp", "NoPorts", "node_netstat_Udp_NoPorts"},
        {"Udp", "InErrors", "node_netstat_Udp_InErrors"},
        {"Udp", "RcvbufErrors", "node_netstat_Udp_RcvbufErrors"},
        {"Udp", "SndbufErrors", "node_netstat_Udp_SndbufErrors"},
    };

    parse_pairs(text, set, wanted, COUNT_OF(wanted));
}

void host_parse_netstat(struct slice text, struct metric_set *set)
{
    static const struct pair_name wanted[] = {
        {"TcpExt", "ListenOverflows", "node_netstat_TcpExt_ListenOverflows"},
        {"TcpExt", "ListenDrops", "node_netstat_TcpExt_ListenDrops"},
        {"TcpExt", "SyncookiesSent", "node_netstat_TcpExt_SyncookiesSent"},
        {"TcpExt", "SyncookiesRecv", "node_netstat_TcpExt_SyncookiesRecv"},
        {"TcpExt", "SyncookiesFailed", "node_netstat_TcpExt_SyncookiesFailed"},
    };

    parse_pairs(text, set, wanted, COUNT_OF(wanted));
}

/* ---- /proc/net/sockstat: "TCP: inuse 6 orphan 0 tw 1 alloc 7 mem 2" ---- */

void host_parse_sockstat(struct slice text, struct metric_set *set)
{
    struct slice line, protocol, key, word;
    double value;

    while (host_line(&text, &line)) {
        if (!slice_cut(&line, ':', &protocol))
            continue;
        while (host_word(&line, &key) && host_word(&line, &word)) {
            char name[64];
            size_t len = protocol.len + 1 + key.len;

            if (len > sizeof(name) || !host_number(word, &value))
                continue;
            memcpy(name, protocol.data, protocol.len);
            name[protocol.len] = '_';
            memcpy(name + protocol.len + 1, key.data, key.len);
            metric_add_named(set, "node_sockstat_", slice_make(name, len), "", value);
        }
    }
}

/* ---- /proc/net/softnet_stat: hexadecimal columns, a line per processor ---- */

static bool hexadecimal(struct slice word, double *out)
{
    uint64_t value = 0;

    if (word.len == 0 || word.len > 16)
        return false;
    for (size_t i = 0; i < word.len; i++) {
        const char *digit = strchr("0123456789abcdef", word.data[i] | 0x20);

        if (digit == NULL || *digit == '\0')
            return false;
        value = value << 4 | (uint64_t)(digit - "0123456789abcdef");
    }
    *out = (double)value;
    return true;
}

void host_parse_softnet(struct slice text, struct metric_set *set)
{
    static const char *const names[] = {"node_softnet_processed_total",
                                        "node_softnet_dropped_total",
                                        "node_softnet_times_squeezed_total"};
    struct slice line, word;
    double value;
    unsigned cpu = 0;

    for (; host_line(&text, &line); cpu++) {
        char digits[16];
        size_t len = 0;

        for (unsigned rest = cpu; len == 0 || rest > 0; rest /= 10)
            digits[sizeof(digits) - ++len] = (char)('0' + rest % 10);
        for (size_t i = 0; i < COUNT_OF(names) && host_word(&line, &word); i++)
            if (hexadecimal(word, &value))
                metric_add_label(set, names[i], value, "cpu",
                                 slice_make(digits + sizeof(digits) - len, len));
    }
}

/* ---- /proc/net/udp: column 5 is "tx_queue:rx_queue" in hexadecimal bytes ---- */

void host_parse_udp(struct slice text, struct metric_set *set)
{
    struct slice line, words[HOST_WORDS_MAX], sent;
    double transmit = 0, receive = 0, value;

    (void)host_line(&text, &line); /* heading */
    while (host_line(&text, &line)) {
        struct slice queues;

        if (host_words(line, words) < 5)
            continue;
        queues = words[4];
        if (!slice_cut(&queues, ':', &sent))
            continue;
        if (hexadecimal(sent, &value))
            transmit += value;
        if (hexadecimal(queues, &value))
            receive += value;
    }
    metric_add_label(set, "node_udp_queues", transmit, "queue", SLICE_LITERAL("tx"));
    metric_add_label(set, "node_udp_queues", receive, "queue", SLICE_LITERAL("rx"));
}

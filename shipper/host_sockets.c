/* shipper/host_sockets.c -- TCP connections by state, asked of the kernel by sock_diag(7): a busy
 * proxy has 100,000 of them, and /proc/net/tcp would print every one as text. */
#include "shipper/host_metrics.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REPLY_SIZE = 32 * 1024, TCP_STATES = 12 };

/* The kernel's numbers (include/net/tcp_states.h), the names of node_exporter. */
static const char *const state_names[TCP_STATES] = {
    [1] = "established", [2] = "syn_sent",  [3] = "syn_recv", [4] = "fin_wait1",
    [5] = "fin_wait2",   [6] = "time_wait", [7] = "close",    [8] = "close_wait",
    [9] = "last_ack",    [10] = "listen",   [11] = "closing",
};

/* The older request answers for IPv4 and IPv6 in one walk over the kernel's table; by family
 * (SOCK_DIAG_BY_FAMILY) it would be two, each as long. */
static bool ask(int fd)
{
    struct {
        struct nlmsghdr head;
        struct inet_diag_req body;
    } request = {
        .head = {.nlmsg_len = sizeof(request),
                 .nlmsg_type = TCPDIAG_GETSOCK,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .body = {.idiag_family = AF_INET, .idiag_states = ~0U},
    };

    return send(fd, &request, sizeof(request), 0) == (ssize_t)sizeof(request);
}

enum answer { ANSWER_MORE, ANSWER_DONE, ANSWER_FAILED };

static enum answer count_states(const struct nlmsghdr *message, size_t len,
                                uint64_t counts[TCP_STATES])
{
    while (NLMSG_OK(message, len)) {
        const struct inet_diag_msg *found = NLMSG_DATA(message);
        size_t step = NLMSG_ALIGN(message->nlmsg_len);

        if (message->nlmsg_type == NLMSG_DONE)
            return ANSWER_DONE;
        if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_len < NLMSG_LENGTH(sizeof(*found)))
            return ANSWER_FAILED;
        if (found->idiag_state < TCP_STATES)
            counts[found->idiag_state]++;
        if (step >= len)
            break;
        len -= step;
        message = (const struct nlmsghdr *)(const void *)((const char *)message + step);
    }
    return ANSWER_MORE;
}

static bool count_all(int fd, uint64_t counts[TCP_STATES])
{
    _Alignas(struct nlmsghdr) static char reply[REPLY_SIZE];
    enum answer answer = ANSWER_MORE;

    if (!ask(fd))
        return false;
    while (answer == ANSWER_MORE) {
        ssize_t got = recv(fd, reply, sizeof(reply), 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        answer = count_states((const struct nlmsghdr *)(const void *)reply, (size_t)got, counts);
    }
    return answer == ANSWER_DONE;
}

void host_read_sockets(struct metric_set *set)
{
    uint64_t counts[TCP_STATES] = {0};
    struct timeval timeout = {.tv_sec = 1};
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    bool fine;

    if (fd < 0)
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    fine = count_all(fd, counts);
    for (size_t i = 1; fine && i < TCP_STATES; i++)
        metric_add_label(set, "node_tcp_connection_states", (double)counts[i], "state",
                         slice_of(state_names[i]));
    (void)close(fd);
}

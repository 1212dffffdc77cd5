/* base/http_listen.c -- where the server listens: the address, who can reach it, the socket.
 * The socket is ours and not libmicrohttpd's, so that an error can say what is wrong. */
#include "base/http_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

static enum status parse_port(struct slice text, uint16_t *out)
{
    uint64_t value;

    if (!slice_to_u64(text, &value) || value > UINT16_MAX)
        return STATUS_INVALID;
    *out = (uint16_t)value;
    return STATUS_OK;
}

/* "127.0.0.1:7600", "localhost:7600", "[::1]:7600". Names are not looked up: where a server
 * listens must not depend on DNS. */
enum status http_parse_address(struct http_server *server, const char *text, struct error *err)
{
    struct slice rest = slice_of(text), host;
    size_t colon = slice_find_last_byte(rest, ':');
    char name[INET6_ADDRSTRLEN] = "";
    uint16_t port;
    struct sockaddr_in *v4 = (struct sockaddr_in *)&server->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&server->address;

    if (colon == SIZE_MAX || parse_port(slice_from(rest, colon + 1), &port) != STATUS_OK)
        return error_set(err, STATUS_INVALID,
                         "listen address \"%s\": expected ADDRESS:PORT, such as 127.0.0.1:7600 or "
                         "[::1]:7600",
                         text);
    host = slice_first(rest, colon);
    if (host.len >= 2 && host.data[0] == '[' && host.data[host.len - 1] == ']')
        host = slice_sub(host, 1, host.len - 2);
    if (slice_is(host, "localhost"))
        host = SLICE_LITERAL("127.0.0.1");
    (void)snprintf(name, sizeof(name), "%.*s", SLICE_ARG(host));
    if (host.len < sizeof(name) && inet_pton(AF_INET, name, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        server->address_size = sizeof(*v4);
        server->loopback = ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    } else if (host.len < sizeof(name) && inet_pton(AF_INET6, name, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        server->address_size = sizeof(*v6);
        server->loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    } else {
        return error_set(err, STATUS_INVALID,
                         "listen address \"%s\": \"%.*s\" is not an IPv4 or IPv6 address", text,
                         SLICE_ARG(host));
    }
    return STATUS_OK;
}

enum status http_check_remote(const struct http_server *server, struct error *err)
{
    if (server->loopback || server->options.allow_remote)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID,
                     "listen address \"%s\" can be reached from other machines, and this port has "
                     "no TLS and no tokens yet: listen on 127.0.0.1 behind a proxy that has them, "
                     "or set \"insecure_i_understand: yes\"",
                     server->options.address);
}

enum status http_open_socket(struct http_server *server, struct error *err)
{
    const char *address = server->options.address;
    int fd = socket(server->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    socklen_t size = sizeof(server->address);

    if (fd < 0)
        return error_set_errno(err, errno, "cannot make a socket for %s", address);
    server->listen_fd = fd;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (server->address.ss_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&server->address, server->address_size) != 0 ||
        listen(fd, HTTP_LISTEN_BACKLOG) != 0) {
        if (errno == EADDRINUSE)
            return error_set(err, STATUS_BUSY,
                             "cannot listen on %s: another program has this port. Is a "
                             "dendro-collector running already? Stop it, or choose another port",
                             address);
        if (errno == EADDRNOTAVAIL)
            return error_set(err, STATUS_IO,
                             "cannot listen on %s: this machine does not have that address",
                             address);
        return error_set_errno(err, errno, "cannot listen on %s", address);
    }
    if (getsockname(fd, (struct sockaddr *)&server->address, &size) != 0)
        return error_set_errno(err, errno, "cannot ask for the port of %s", address);
    server->port = server->address.ss_family == AF_INET6
                       ? ntohs(((struct sockaddr_in6 *)&server->address)->sin6_port)
                       : ntohs(((struct sockaddr_in *)&server->address)->sin_port);
    return STATUS_OK;
}

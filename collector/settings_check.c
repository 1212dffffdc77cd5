/* collector/settings_check.c -- what the start would refuse, before it touches the data. */
#include "collector/settings_check.h"

#include <arpa/inet.h>

/* Is it surely not of this machine alone? What a name means is known when it is looked up. */
static bool is_remote(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (*host == '\0') /* all addresses */
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 != 127;
    return inet_pton(AF_INET6, host, &v6) == 1 && !IN6_IS_ADDR_LOOPBACK(&v6);
}

static enum status check_address(const char *key, const char *host, bool insecure,
                                 struct error *err)
{
    if (insecure || !is_remote(host))
        return STATUS_OK;
    return error_set(err, STATUS_INVALID,
                     "%s: %s is not a loopback address, and there is no TLS: \"insecure_i_understand: "
                     "yes\" (--insecure-i-understand) allows it",
                     key, *host == '\0' ? "every address of the machine" : host);
}

enum status settings_check(const struct collector_config *config, struct error *err)
{
    struct derive_rules *rules = NULL;
    enum status status = derive_rules_new(&config->derive, &rules, err);

    derive_rules_free(rules);
    if (status != STATUS_OK)
        error_context(err, "%.100s", config->config_path); /* no flag sets rules */
    if (status == STATUS_OK)
        status = check_address("http", config->http.host, config->insecure, err);
    if (status == STATUS_OK)
        status = check_address("wire", config->wire.host, config->insecure, err);
    return status;
}

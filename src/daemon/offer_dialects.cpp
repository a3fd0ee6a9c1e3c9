// NOTIFY_SOCKET, NOTIFY_FD, EINHORN_*, SERVER_STARTER_*: each only where it is asked for.
#include "daemon/offer_dialects.hpp"

#include <unistd.h>

#include "daemon/open_dialects.hpp"

namespace reeve::daemon {
namespace {

/// A program that finds it has to feed it, and one that does not know it is none the worse.
bool asks_for_watchdog(const core::PoolPolicy& policy) {
    return policy.timeout > core::Duration::zero() &&
           (policy.liveness == core::Liveness::notify ||
            policy.liveness == core::Liveness::automatic);
}

void add_notify(const DialectOffer& offer, Variables& variables, os::SpawnRequest& request) {
    variables["NOTIFY_SOCKET"] = offer.ends.notify_path;
    if (!asks_for_watchdog(offer.pool.policy)) return;
    const auto usec =
        std::chrono::duration_cast<std::chrono::microseconds>(offer.pool.policy.timeout);
    variables["WATCHDOG_USEC"] = std::to_string(usec.count());
    request.pid_variables.emplace_back("WATCHDOG_PID");
}

const char* family_of(const os::Listener& listener) {
    const std::string host = listener.host();
    if (!listener.address().starts_with("tcp://")) return "AF_UNIX";
    return host.find(':') == std::string::npos ? "AF_INET" : "AF_INET6";
}

/// Sockets are at 3 and up, in their order.
void add_einhorn(const DialectOffer& offer, Variables& variables) {
    std::string numbers;
    int fd = 3;
    for (std::size_t i = 0; i < offer.sockets.size(); ++i, ++fd) {
        const std::string at = std::to_string(i);
        variables["EINHORN_FD_" + at] = std::to_string(fd);
        variables["EINHORN_FD_FAMILY_" + at] = family_of(*offer.sockets[i].listener);
        numbers += (numbers.empty() ? "" : " ") + std::to_string(fd);
    }
    variables["EINHORN_FD_COUNT"] = std::to_string(offer.sockets.size());
    // The name that workers of its first versions know.
    if (!numbers.empty()) variables["EINHORN_FDS"] = numbers;
    variables["EINHORN_MASTER_PID"] = std::to_string(getpid());
    variables["EINHORN_CHILD_INDEX"] = std::to_string(number(offer.spawn.seat.slot));
    variables["EINHORN_SOCK_PATH"] = offer.ends.einhorn_path;
}

/// Without sockets nothing is said: to some an empty list is a mistake.
void add_server_starter(const DialectOffer& offer, Variables& variables) {
    constexpr std::string_view tcp = "tcp://";
    constexpr std::string_view local = "unix:";
    std::string list;
    int fd = 3;
    for (const NamedListener& socket : offer.sockets) {
        const std::string& address = socket.listener->address();
        list += list.empty() ? "" : ";";
        list += address.substr(address.starts_with(tcp) ? tcp.size() : local.size());
        list += "=" + std::to_string(fd++);
    }
    if (list.empty()) return;
    variables["SERVER_STARTER_PORT"] = list;
    variables["SERVER_STARTER_GENERATION"] = std::to_string(number(offer.spawn.generation));
}

}  // namespace

int offer_dialects(const DialectOffer& offer, int target, Variables& variables,
                   os::SpawnRequest& request) {
    const WorkerEnds& ends = offer.ends;
    if (!ends.notify_path.empty()) add_notify(offer, variables, request);
    if (ends.ready >= 0) {
        variables["NOTIFY_FD"] = std::to_string(target);
        request.fds.push_back({ends.ready, target++});
    }
    if (ends.einhorn >= 0) {
        add_einhorn(offer, variables);
        variables["EINHORN_SOCK_FD"] = std::to_string(target);
        request.fds.push_back({ends.einhorn, target++});
    }
    if (speaks(offer.pool.process, "server-starter")) add_server_starter(offer, variables);
    return target;
}

}  // namespace reeve::daemon

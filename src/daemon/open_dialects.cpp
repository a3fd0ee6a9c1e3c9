// Sockets, pipes and addresses of one worker's dialects.
#include "daemon/open_dialects.hpp"

#include <algorithm>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "config/address.hpp"
#include "config/placeholders.hpp"
#include "os/spawn.hpp"

namespace reeve::daemon {
namespace {

constexpr int einhorn_backlog = 8;

std::string name_of(const core::Spawn& spawn, std::string_view protocol) {
    std::string name = std::to_string(number(spawn.incarnation));
    name.append(".").append(protocol);
    return name;
}

/// Who alone may send; nothing where a worker may become somebody else by itself, as root's can.
std::optional<os::SocketOwner> owner_of(const Edition& edition) {
    const auto& who = edition.identity.credentials;
    if (who) return os::SocketOwner{who->uid, who->gid};
    if (::geteuid() != 0) return os::SocketOwner{::geteuid(), ::getegid()};
    return std::nullopt;
}

os::Outcome<os::NotifySocket> open_notify(const Edition& edition, const core::Spawn& spawn,
                                          WorkerSockets& sockets) {
    auto path = sockets.path(name_of(spawn, "notify"));
    if (!path) return path.error();
    return os::NotifySocket::make(std::move(*path), owner_of(edition));
}

os::Outcome<void> open_pipe(OpenedDialects& opened) {
    auto pipe = os::make_pipe();
    if (!pipe) return os::Failure{"readiness pipe", pipe.error().value()};
    // Of each end alone: the worker's must block as programs expect.
    if (const auto done = os::set_nonblocking(pipe->reader.get()); !done) {
        return os::Failure{"readiness pipe", done.error().value()};
    }
    opened.ours.ready_pipe = os::keep_high(std::move(pipe->reader));
    opened.ready = std::move(pipe->writer);
    return {};
}

os::Outcome<void> open_einhorn(const Edition& edition, const core::Spawn& spawn,
                               WorkerSockets& sockets, OpenedDialects& opened) {
    auto path = sockets.path(name_of(spawn, "einhorn"));
    if (!path) return path.error();
    const auto owner = owner_of(edition);
    constexpr mode_t for_its_owner = 0600;
    constexpr mode_t for_everybody = 0666;
    os::UnixPathAddress address{.path = *path, .mode = owner ? for_its_owner : for_everybody};
    if (owner && owner->uid != ::geteuid()) {
        address.owner = owner->uid;
        address.group = owner->gid;
    }
    auto listener = os::Listener::open(address, einhorn_backlog);
    if (!listener) return listener.error();
    if (const auto done = os::set_nonblocking(listener->fd()); !done) {
        return os::Failure{"listen on " + *path, done.error().value()};
    }
    int pair[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return os::Failure{"socketpair for einhorn", errno};
    }
    opened.einhorn.reset(pair[1]);
    opened.ours.einhorn_own = os::keep_high(os::Fd{pair[0]});
    if (const auto done = os::set_nonblocking(opened.ours.einhorn_own.get()); !done) {
        return os::Failure{"socketpair for einhorn", done.error().value()};
    }
    opened.ours.einhorn = std::move(*listener);
    opened.einhorn_path = std::move(*path);
    return {};
}

os::Outcome<ReadyQuestion> question_of(const core::PoolConfig& pool, const core::Spawn& spawn) {
    config::PlaceholderValues values;
    values.slot = number(spawn.seat.slot);
    values.generation = number(spawn.generation);
    values.incarnation = number(spawn.incarnation);
    const std::string text = config::expand(pool.process.ready_address, values);
    const auto parsed = config::parse_address(text);
    if (!parsed.ok()) return os::Failure{"ready_address " + text, EINVAL};
    const core::Listen& address = parsed.value;
    const bool tcp = address.kind == core::Listen::Kind::tcp;
    const bool abstract = address.kind == core::Listen::Kind::unix_abstract;
    const auto target =
        tcp ? os::tcp_target(address.host, address.port) : os::unix_target(address.path, abstract);
    if (!target) return os::Failure{"ready_address " + text, target.error().value()};
    ReadyQuestion question{*target, {}};
    if (pool.policy.ready == core::ReadyBy::http) {
        constexpr std::string_view scheme = "tcp://";
        const std::string canonical = config::format_address(address);
        const std::string host = tcp ? canonical.substr(scheme.size()) : "localhost";
        question.request = ready_request(host, pool.process.ready_path);
    }
    return question;
}

}  // namespace

bool speaks(const core::ProcessConfig& process, std::string_view protocol) {
    return std::ranges::find(process.compat, protocol) != process.compat.end();
}

os::Outcome<OpenedDialects> open_dialects(const Edition& edition, const core::Spawn& spawn,
                                          WorkerSockets& sockets) {
    const core::PoolPolicy& policy = edition.config.policy;
    const auto& who = edition.identity.credentials;
    OpenedDialects opened;
    opened.ours.uid = who ? who->uid : ::geteuid();
    // Offered only where it is asked for: programs change what they do when they find it.
    if (policy.liveness == core::Liveness::notify || policy.ready == core::ReadyBy::notify) {
        auto made = open_notify(edition, spawn, sockets);
        if (!made) return made.error();
        opened.ours.notify = std::move(*made);
    }
    if (policy.ready == core::ReadyBy::newline) {
        if (auto made = open_pipe(opened); !made) return made.error();
    }
    if (speaks(edition.config.process, "einhorn")) {
        if (auto made = open_einhorn(edition, spawn, sockets, opened); !made) return made.error();
    }
    if (policy.ready == core::ReadyBy::tcp || policy.ready == core::ReadyBy::http) {
        auto question = question_of(edition.config, spawn);
        if (!question) return question.error();
        opened.ours.question = std::move(*question);
    }
    return opened;
}

}  // namespace reeve::daemon

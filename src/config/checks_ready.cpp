// A probe has to reach the one worker that is starting, and nobody else who would answer for it.
#include "config/checks_ready.hpp"

#include <algorithm>

#include "config/address.hpp"
#include "config/placeholders.hpp"

namespace reeve::config {
namespace {

bool names(const std::string& text, Placeholder::Kind kind) {
    const auto found = find_placeholders(text);
    return std::any_of(found.begin(), found.end(),
                       [&](const Placeholder& placeholder) { return placeholder.kind == kind; });
}

bool is_literal(const std::string& host) {
    return host.find(':') != std::string::npos || std::all_of(host.begin(), host.end(), [](char c) {
               return c == '.' || (c >= '0' && c <= '9');
           });
}

std::string check_address(const core::PoolConfig& pool) {
    const std::string& text = pool.process.ready_address;
    const auto parsed = parse_address(expand(text, PlaceholderValues{}));
    if (!parsed.ok()) return parsed.error;
    const core::Listen& address = parsed.value;
    if (address.kind == core::Listen::Kind::inherited) return "no connection can be made to it";
    if (address.kind == core::Listen::Kind::tcp && (address.port == 0 || !is_literal(address.host)))
        return "must be an IP address with a port: names are not looked up";
    const std::string canonical = format_address(address);
    for (const core::Listen& listen : pool.listen) {
        if (format_address(listen) == canonical) {
            return "is a socket of the pool: reeve itself listens there, so a connection says "
                   "nothing of the worker";
        }
    }
    const bool by_incarnation = names(text, Placeholder::Kind::incarnation);
    if (pool.policy.workers > 1 && !by_incarnation && !names(text, Placeholder::Kind::slot)) {
        return "is the same for all workers, so another one would answer; {slot} or {incarnation} "
               "tells them apart";
    }
    if (pool.policy.update != core::Update::recreate && !by_incarnation) {
        return "would be answered by the predecessor of the worker that starts; use {incarnation} "
               "in it, or update: recreate";
    }
    return {};
}

}  // namespace

std::optional<ReadyProblem> check_ready(const core::PoolConfig& pool) {
    const core::ReadyBy by = pool.policy.ready;
    const bool probes = by == core::ReadyBy::tcp || by == core::ReadyBy::http;
    if (probes && pool.process.ready_address.empty()) {
        return ReadyProblem{"ready",
                            pool.listen.empty()
                                ? "tcp and http need a ready_address to connect to"
                                : "tcp and http need a ready_address that the worker alone "
                                  "listens on: on the pool's sockets reeve itself "
                                  "listens, so a connection always succeeds"};
    }
    if (probes) {
        if (auto problem = check_address(pool); !problem.empty()) {
            return ReadyProblem{"ready_address", std::move(problem)};
        }
    }
    if (by == core::ReadyBy::newline) return std::nullopt;
    const auto uses_fd = [](const std::string& text) {
        return names(text, Placeholder::Kind::ready_fd);
    };
    const auto& command = pool.process.command;
    const auto& env = pool.process.env;
    if (std::any_of(command.begin(), command.end(), uses_fd)) {
        return ReadyProblem{"command", "{ready_fd} needs ready: newline"};
    }
    if (std::any_of(env.begin(), env.end(), [&](const auto& one) { return uses_fd(one.second); })) {
        return ReadyProblem{"env", "{ready_fd} needs ready: newline"};
    }
    return std::nullopt;
}

}  // namespace reeve::config

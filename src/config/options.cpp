// The options table: its rows outside the pools, and how it is looked up.
#include "config/options.hpp"

#include <algorithm>
#include <array>

#include "config/option_rows.hpp"

namespace reeve::config {

namespace {

using core::Config;
using core::Listen;
using core::LogConfig;
using core::LogFormat;
using core::LogLevel;
using core::LogTarget;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::array log_formats{
    named("text", LogFormat::text, "one readable line per record"),
    named("json", LogFormat::json, "one JSON object per line"),
};

constexpr std::array log_levels{
    named("trace", LogLevel::trace, "everything, also what is only of use to reeve's developers"),
    named("debug", LogLevel::debug, "each decision"),
    named("info", LogLevel::info, "starts, stops, rotations"),
    named("warning", LogLevel::warning, "what deserves a look"),
    named("warn", LogLevel::warning, "the same as warning"),
    named("error", LogLevel::error, "what went wrong"),
    named("critical", LogLevel::critical, "what ends the service"),
};

constexpr std::array log_targets{
    named("stderr", LogTarget::standard_error, "standard error"),
    named("stdout", LogTarget::standard_output, "standard output"),
};

std::optional<unsigned> socket_mode(const Target& target) { return target.listen->mode; }
void set_socket_mode(const Target& target, unsigned mode) { target.listen->mode = mode; }
std::optional<std::int64_t> backlog(const Target& target) { return target.listen->backlog; }
void set_backlog(const Target& target, std::int64_t value) {
    target.listen->backlog = static_cast<int>(value);
}

const std::array rows{
    Option{"name", Scope::top, TextKind{&field<&Config::name>, TextKind::Form::name},
           Reload::restart, "",
           "Name of this instance, which keeps several reeves on one machine apart. The only one "
           "needs none."},
    Option{"stop_delay", Scope::top, duration_or<&Config::stop_delay>("off", day), Reload::live,
           "off",
           "How long reeve goes on serving as before after it was asked to stop, so that a load "
           "balancer can notice "
           "first. Then connections are refused and workers drained."},
    Option{"queue_grace", Scope::top, duration_or<&Config::queue_grace>("off", day), Reload::live,
           "5s",
           "How long a stop waits for the workers to take the connections that were already queued "
           "before the "
           "listening sockets are shut."},
    Option{"format", Scope::log, choice<&LogConfig::format>(log_formats), Reload::restart, "text",
           "Form of reeve's own log lines."},
    Option{"level", Scope::log, choice<&LogConfig::level>(log_levels), Reload::live, "info",
           "The least important record that is still logged. The environment variable "
           "REEVE_LOG_LEVEL wins over the "
           "file, the flag --log-level over both."},
    Option{"target", Scope::log, choice<&LogConfig::target>(log_targets), Reload::restart, "stderr",
           "Where reeve's own log goes. Workers' output is a matter of the pool option output."},
    Option{"buffer", Scope::log, BytesKind{&field<&LogConfig::buffer_bytes>, 4096, 1U << 30U, {}},
           Reload::restart, "256K",
           "How much of the log may wait for a slow reader. When it is full, lines are dropped and "
           "counted: a reader "
           "that stops reading must not stop the supervision."},
    Option{
        "address", Scope::listen, AddressKind{}, Reload::roll, "",
        "HOST:PORT, tcp://HOST:PORT, [IPV6]:PORT, unix:/path, unix:@abstract, or systemd:NAME for "
        "a socket that a socket unit passes to reeve under that FileDescriptorName=. Port 0 "
        "lets the kernel choose."},
    Option{
        "backlog", Scope::listen, IntegerKind{&backlog, &set_backlog, 1, 65535}, Reload::roll,
        "2048",
        "How many connections may wait to be accepted. The kernel caps it at net.core.somaxconn."},
    Option{"nodelay", Scope::listen, BoolKind{&field<&Listen::nodelay>}, Reload::roll, "yes",
           "TCP_NODELAY on the listening socket, which accepted connections inherit. Without it "
           "small answers on "
           "keep-alive connections can wait 40 ms. Only for TCP."},
    Option{"v6only", Scope::listen, BoolKind{&field<&Listen::v6only>}, Reload::roll, "no",
           "An IPv6 socket takes no IPv4 connections. Only for an IPv6 address."},
    Option{
        "nonblocking", Scope::listen, BoolKind{&field<&Listen::nonblocking>}, Reload::roll, "no",
        "O_NONBLOCK on the listening socket. For programs that wait for events and do not set it "
        "themselves on a socket that they were given, as nginx: where several wake up for one "
        "connection, all but one would wait in accept(2) and serve nobody. Not for programs "
        "that just call accept(2)."},
    Option{"mode", Scope::listen, OctalKind{&socket_mode, &set_socket_mode}, Reload::roll, "0660",
           "Permission bits of a Unix socket's file, in octal."},
    Option{"owner", Scope::listen, TextKind{&field<&Listen::owner>, TextKind::Form::account},
           Reload::roll, "",
           "User, by name or number, who owns a Unix socket's file. Default: the user that reeve "
           "runs as."},
    Option{"group", Scope::listen, TextKind{&field<&Listen::group>, TextKind::Form::account},
           Reload::roll, "",
           "Group, by name or number, of a Unix socket's file. Default: the group that reeve runs "
           "as."},
};

std::vector<Option> join_rows() {
    std::vector<Option> all;
    for (const auto part :
         {top_rows(), admin_rows(), serving_rows(), policy_rows(), process_rows()}) {
        all.insert(all.end(), part.begin(), part.end());
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const Option& a, const Option& b) { return a.scope < b.scope; });
    return all;
}

}  // namespace

std::span<const Option> top_rows() { return rows; }

std::span<const Option> options() {
    static const std::vector<Option> all = join_rows();
    return all;
}

std::vector<const Option*> options_in(Scope scope) {
    std::vector<const Option*> out;
    for (const auto& option : options()) {
        if (option.scope == scope) {
            out.push_back(&option);
        }
    }
    return out;
}

const Option* find_option(Scope scope, std::string_view key) {
    const auto all = options();
    const auto found = std::find_if(all.begin(), all.end(), [&](const Option& option) {
        return option.scope == scope && option.key == key;
    });
    return found == all.end() ? nullptr : &*found;
}

std::vector<std::string> option_names(Scope scope) {
    std::vector<std::string> out;
    for (const auto* option : options_in(scope)) {
        out.emplace_back(option->key);
    }
    if (scope == Scope::top) {
        out.insert(out.end(), {"defaults", "pools", "log", "admin", "metrics"});
    }
    return out;
}

std::string_view section_of(Scope scope) {
    switch (scope) {
        case Scope::log: return "log";
        case Scope::admin: return "admin";
        case Scope::metrics: return "metrics";
        case Scope::top:
        case Scope::pool:
        case Scope::listen: break;
    }
    return {};
}

std::string_view name_of(Reload reload) {
    switch (reload) {
        case Reload::live: return "live";
        case Reload::roll: return "roll";
        case Reload::restart: return "restart";
    }
    return {};
}

std::string flag_name(const Option& option) {
    std::string out = "--" + std::string{section_of(option.scope)};
    if (option.scope == Scope::metrics || option.key == "path") return out;
    if (out.size() > 2) out += '-';
    for (const char c : option.key) {
        out += c == '_' ? '-' : c;
    }
    return out;
}

}  // namespace reeve::config

// The options table: what a pool runs, behind which sockets, when a worker is ready or hung.
#include <array>

#include "config/option_rows.hpp"

namespace reeve::config {

namespace {

using core::Accept;
using core::Handoff;
using core::Liveness;
using core::PoolConfig;
using core::PoolPolicy;
using core::ProcessConfig;
using core::ReadyBy;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::array handoffs{
    named("inherit", Handoff::inherit,
          "the worker is started with the sockets at file descriptors 3 and up"),
    named("receive", Handoff::receive, "the worker asks for them over its control channel"),
    named("adopt", Handoff::adopt,
          "the worker binds an address of the pool itself and gets the pool's socket: for programs "
          "that cannot be told to do otherwise"),
};

constexpr std::array accepts{
    named("shared", Accept::shared,
          "all wait on one accept queue: best for workers that take one request at a time"),
    named("per-worker", Accept::per_worker,
          "each has a queue of its own, and new connections go to those that are ready: best for "
          "event loops; TCP only"),
};

constexpr std::array livenesses{
    named("auto", Liveness::automatic,
          "heartbeats are taken if they come; only a worker that has sent one can hang"),
    named("native", Liveness::native,
          "the worker speaks the protocol (libreeve-worker or a client library)"),
    named(
        "preload", Liveness::preload,
        "libreeve-preload.so is loaded into the worker and beats with each turn of its event loop"),
    named("notify", Liveness::notify,
          "WATCHDOG=1 on the NOTIFY_SOCKET that each worker gets, as to systemd; a worker that has "
          "sent one and stops is hung"),
    named("required", Liveness::required,
          "as native, and a worker that never beats counts as hung too"),
    named("queue", Liveness::queue,
          "as auto, and a worker also hangs that leaves connections in its queue and does not run; "
          "for any program; needs accept: per-worker"),
    named("none", Liveness::none, "no heartbeats: no worker is ever found hung"),
};

constexpr std::array readies{
    named("auto", ReadyBy::automatic,
          "its own word, or what the kernel shows, or else being alive for ready_after"),
    named("native", ReadyBy::native, "its own word only"),
    named("listen", ReadyBy::listen,
          "its listen() on a socket of the pool, which handoff: adopt sees"),
    named("notify", ReadyBy::notify, "READY=1 on the NOTIFY_SOCKET that each worker gets"),
    named("newline", ReadyBy::newline,
          "a line on the descriptor that NOTIFY_FD and {ready_fd} name, as s6 and dinit have it"),
    named("tcp", ReadyBy::tcp, "a connection to ready_address that succeeds"),
    named("http", ReadyBy::http, "a GET of ready_path at ready_address, answered with 2xx or 3xx"),
    named("delay", ReadyBy::delay, "being alive for ready_after only"),
};

const std::array rows{
    Option{"command", Scope::pool, CommandKind{&field<&ProcessConfig::command>}, Reload::roll, "",
           "Program and arguments of a worker: a list, or a string that is split at blanks (quotes "
           "group). No shell "
           "sees it. {fd:NAME}, {addr:NAME}, {port:NAME}, {slot}, {generation} and {incarnation} "
           "are replaced; {{slot} "
           "stands for {slot} itself. Required."},
    Option{"workers", Scope::pool, WorkersKind{&field<&PoolPolicy::workers>, workers_max},
           Reload::live, "auto",
           "How many workers. auto is 2 x CPUs + 1, where CPUs honours the affinity mask and the "
           "CPU quota of the "
           "container. WEB_CONCURRENCY counts where this is not written."},
    Option{"listen", Scope::pool, ListenKind{&field<&PoolConfig::listen>}, Reload::roll, "",
           "The sockets that reeve opens for the pool. An address, a list of addresses, or a map "
           "NAME: ADDRESS or NAME: {address: ..., backlog: ..., ...}. An unnamed one is named as "
           "the pool, further ones POOL-1, POOL-2. A pool without sockets (a queue worker) is "
           "fine."},
    Option{"handoff", Scope::pool, choice<&ProcessConfig::handoff>(handoffs), Reload::roll,
           "inherit", "How the sockets get to the worker."},
    Option{
        "accept", Scope::pool, choice<&PoolPolicy::accept>(accepts), Reload::restart, "shared",
        "Where connections wait for a worker. With per-worker, reeve holds two sockets for each, "
        "so that what waits outlives it, and sends new connections to who is ready."},
    Option{"liveness", Scope::pool, choice<&PoolPolicy::liveness>(livenesses), Reload::roll, "auto",
           "Where signs of life come from. timeout, max_requests, request_timeout and slow_request "
           "need them."},
    Option{"ready", Scope::pool, choice<&PoolPolicy::ready>(readies), Reload::roll, "auto",
           "What makes a started worker ready."},
    Option{"ready_address", Scope::pool,
           TextKind{&field<&ProcessConfig::ready_address>, TextKind::Form::address}, Reload::roll,
           "",
           "Where ready: tcp and http connect: an IP address with a port, or unix:PATH, with the "
           "placeholders of command. It has to reach the one worker alone that is starting, so it "
           "is none of the pool's own sockets."},
    Option{"ready_path", Scope::pool,
           TextKind{&field<&ProcessConfig::ready_path>, TextKind::Form::url_path}, Reload::roll,
           "/", "What ready: http asks for."},
    Option{"compat", Scope::pool,
           NamesKind{&field<&ProcessConfig::compat>, TextKind::Form::protocol}, Reload::roll, "",
           "Protocols of other socket managers that workers are offered too: einhorn (EINHORN_*, "
           "worker:ack, worker:ping) and server-starter (SERVER_STARTER_PORT). Needs handoff: "
           "inherit."},
    Option{"ready_after", Scope::pool, duration<&PoolPolicy::ready_after>(milliseconds{0}, day),
           Reload::live, "2s",
           "How long a worker that gives no sign must be alive to count as ready."},
    Option{"ready_for", Scope::pool, duration<&PoolPolicy::ready_for>(milliseconds{0}, day),
           Reload::live, "100ms",
           "How long a successor must have been ready before the worker that it replaces is told "
           "to go."},
    Option{"timeout", Scope::pool, duration_or<&PoolPolicy::timeout>("off"), Reload::roll, "30s",
           "Silence after which a worker is hung: it gets hang_signal and is replaced. Silence "
           "means no heartbeats; a "
           "long request alone is none (see request_timeout)."},
    Option{"start_timeout", Scope::pool, duration_or<&PoolPolicy::start_timeout>("off"),
           Reload::live, "60s",
           "How long a worker that owes a sign of readiness may take to boot."},
    Option{
        "graceful_timeout", Scope::pool, duration<&PoolPolicy::graceful_timeout>(milliseconds{0}),
        Reload::live, "30s",
        "How long a worker may finish what it has begun after its stop signal. Then it is killed."},
    Option{"abort_timeout", Scope::pool, duration<&PoolPolicy::abort_timeout>(milliseconds{0}, day),
           Reload::live, "1s",
           "How long a hung worker may take to die of hang_signal before it is killed."},
    Option{"core_timeout", Scope::pool, duration<&PoolPolicy::core_timeout>(milliseconds{0}, day),
           Reload::live, "60s",
           "How long a dying worker may take to write its core dump before it is killed."},
    Option{"kill_grace", Scope::pool, duration<&PoolPolicy::kill_grace>(milliseconds{1}, day),
           Reload::live, "5s",
           "How long a killed worker may take to be gone before reeve says that it is stuck in the "
           "kernel."},
    Option{"request_timeout", Scope::pool, duration_or<&PoolPolicy::request_timeout>("off"),
           Reload::live, "off",
           "How long one request may take before its worker is replaced. Needs heartbeats that "
           "count requests."},
    Option{
        "slow_request", Scope::pool, duration_or<&PoolPolicy::slow_request>("off"), Reload::roll,
        "off",
        "How long one request may take before it is logged as slow, with method and target where "
        "the worker tells them. Needs heartbeats that count requests."},
    Option{"beat_interval", Scope::pool,
           duration<&PoolPolicy::beat_interval>(milliseconds{10}, std::chrono::hours{1}),
           Reload::roll, "1s",
           "How often a worker is asked to send a heartbeat; at most a third of timeout, which "
           "also lowers the "
           "default."},
    Option{"sample_interval", Scope::pool,
           duration<&PoolPolicy::sample_interval>(milliseconds{100}, day), Reload::live, "5s",
           "How often the workers' memory is looked at."},
};

}  // namespace

std::span<const Option> serving_rows() { return rows; }

}  // namespace reeve::config

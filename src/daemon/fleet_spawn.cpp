// How workers come to be and how they end, seen from the shell.
#include <algorithm>
#include <array>
#include <csignal>
#include <exception>
#include <fcntl.h>
#include <iterator>
#include <random>
#include <utility>

#include "daemon/fleet.hpp"
#include "daemon/open_dialects.hpp"
#include "daemon/render_parts.hpp"
#include "os/clock.hpp"
#include "os/control_channel.hpp"
#include "os/heartbeat_pipe.hpp"
#include "os/process.hpp"

namespace reeve::daemon {
namespace {

/// A burst of starts must not keep beats and exits waiting.
constexpr auto spawn_budget = std::chrono::milliseconds{5};
/// Children of dead workers may hold their stderr for ever: so many of these pipes are kept.
constexpr std::size_t lingering_max = 64;

/// For a worker to prove that it is the one that was started; no secret beyond this host.
std::string make_token() {
    std::random_device device;
    constexpr std::string_view digits = "0123456789abcdef";
    std::string token;
    for (int i = 0; i < 32; ++i) token += digits[device() % digits.size()];
    return token;
}

std::optional<os::Failure> make_for(const PoolSockets& sockets, const core::Spawn& action) {
    for (const NamedListener& socket : sockets) {
        if (auto failure = socket.make_for(action.seat.slot)) return failure;
    }
    return std::nullopt;
}

std::vector<ino_t> inodes_of(const PoolSockets& sockets, const core::Spawn& action) {
    std::vector<ino_t> inodes;
    for (const NamedListener& socket : sockets) {
        inodes.push_back(socket.of(action.seat.slot, action.side)->inode());
    }
    return inodes;
}

}  // namespace

Fleet::Fleet(Loop& loop, Inbox& inbox, Log& log, const Editions& editions, std::string instance)
    : loop_(loop),
      inbox_(inbox),
      log_(log),
      editions_(editions),
      worker_sockets_(std::move(instance)),
      token_(make_token()),
      hooks_(loop, log) {
    if (auto counter = os::OomCounter::open()) {
        oom_ = std::move(*counter);
        if (const auto kills = oom_.read()) oom_kills_ = *kills;
    }
}

/// What still reads an output keeps itself alive until its end, which nobody waits for any more.
Fleet::~Fleet() {
    for (const auto& [incarnation, worker] : workers_) {
        if (WorkerOutput* output = worker->output()) output->close();
    }
    for (const auto& pipe : lingering_) {
        if (const auto output = pipe.lock()) output->close();
    }
}

void Fleet::carry_out(const core::Spawn& action) { waiting_.push_back(action); }

bool Fleet::spawn_waiting() {
    if (waiting_.empty()) return false;
    const core::Time until = os::now() + spawn_budget;
    while (!waiting_.empty()) {
        const core::Spawn action = waiting_.front();
        waiting_.pop_front();
        spawn(action);
        if (os::now() >= until) break;
    }
    return !waiting_.empty();
}

bool Fleet::drop_waiting(core::Incarnation incarnation) {
    const auto found =
        std::find_if(waiting_.begin(), waiting_.end(),
                     [&](const core::Spawn& spawn) { return spawn.incarnation == incarnation; });
    if (found == waiting_.end()) return false;
    waiting_.erase(found);
    inbox_.put(core::SpawnFailed{incarnation, "ended before it was started"});
    return true;
}

void Fleet::fail_spawn(const core::Spawn& action, const std::string& why) {
    last_output_of(action.seat.pool) = why;
    inbox_.put(core::SpawnFailed{action.incarnation, why});
}

namespace {

/// Both ends of what a worker is offered; what it is not is empty.
struct Channels {
    os::HeartbeatPipe heartbeat;
    os::ControlChannel control;
    os::Pipe output;
    os::NoticeChannel notices;
};

os::Outcome<Channels> open_channels(const core::PoolConfig& pool) {
    const core::ProcessConfig& process = pool.process;
    const bool offers = pool.policy.liveness != core::Liveness::none &&
                        pool.policy.liveness != core::Liveness::notify;
    Channels channels;
    if (offers) {
        auto made = os::make_heartbeat_pipe();
        if (!made) return os::Failure{"heartbeat pipe", made.error().value()};
        channels.heartbeat = std::move(*made);
    }
    if (offers || process.handoff == core::Handoff::receive) {
        auto made = os::make_control_channel();
        if (!made) return os::Failure{"control channel", made.error().value()};
        channels.control = std::move(*made);
    }
    if (process.output != core::WorkerOutput::inherit) {
        auto made = os::make_pipe(O_NONBLOCK);
        if (!made) return os::Failure{"stderr pipe", made.error().value()};
        channels.output = std::move(*made);
        // O_NONBLOCK is of each end alone; the worker's must block as programs expect of stderr.
        (void)os::set_nonblocking(channels.output.writer.get(), false);
    }
    if (process.handoff == core::Handoff::adopt) {
        auto made = os::make_notice_channel();
        if (!made) return os::Failure{"channel for binds", made.error().value()};
        channels.notices = std::move(*made);
    }
    return channels;
}

}  // namespace

void Fleet::spawn(const core::Spawn& action) {
    const Edition& edition = editions_.of(action.seat.pool, action.generation);
    const core::PoolConfig& pool = edition.config;
    const PoolSockets& sockets = edition.sockets;
    if (const auto failure = make_for(sockets, action)) return fail_spawn(action, failure->text());
    auto channels = open_channels(pool);
    if (!channels) return fail_spawn(action, channels.error().text());
    auto& [heartbeat, control, output, notices] = *channels;
    auto dialects = open_dialects(edition, action, worker_sockets_);
    if (!dialects) return fail_spawn(action, dialects.error().text());

    const WorkerEnds ends{control.theirs.get(),
                          heartbeat.writer.get(),
                          output.writer ? output.writer.get() : STDERR_FILENO,
                          dialects->ours.notify.path(),
                          dialects->ready.get(),
                          dialects->einhorn.get(),
                          dialects->einhorn_path};
    auto request = make_request(pool, edition.identity, sockets, action, ends, token_);
    if (!request) return fail_spawn(action, request.error().text());
    request->notice_channel = notices.theirs.get();
    std::vector<os::Fd> given;
    for (os::Fd* theirs : {&control.theirs, &heartbeat.writer, &output.writer, &notices.theirs,
                           &dialects->ready, &dialects->einhorn}) {
        if (*theirs) given.push_back(std::move(*theirs));
    }
    auto spawned = os::spawn(std::move(*request), std::move(given));
    if (!spawned) return fail_spawn(action, spawned.error().text);

    WorkerProcess::Parts parts{.incarnation = action.incarnation,
                               .seat = action.seat,
                               .generation = action.generation,
                               .side = action.side,
                               .spawned = std::move(*spawned),
                               .heartbeat = os::keep_high(std::move(heartbeat.reader)),
                               .control = os::keep_high(std::move(control.ours)),
                               .output = nullptr,
                               .adoption = nullptr,
                               .sockets = {},
                               .dialects = std::move(dialects->ours)};
    if (output.reader) {
        parts.output = std::make_shared<WorkerOutput>(log_, pool.process.output, pool.name,
                                                      number(action.seat.slot),
                                                      os::keep_high(std::move(output.reader)));
    }
    parts.sockets = inodes_of(sockets, action);
    if (notices.ours) parts.adoption = make_adoption(action, std::move(notices.ours), sockets);
    watch(action, std::make_unique<WorkerProcess>(inbox_, std::move(parts)));
}

std::unique_ptr<Adoption> Fleet::make_adoption(const core::Spawn& action, os::Fd channel,
                                               const PoolSockets& sockets) {
    std::vector<Adoptable> adoptable;
    for (const NamedListener& socket : sockets) {
        adoptable.push_back({socket.name, socket.of(action.seat.slot, action.side)});
    }
    const auto tell = [this, incarnation = action.incarnation](LogLine line) {
        const WorkerProcess* worker = find(incarnation);
        if (worker == nullptr) return;
        LogLine whole = about(*worker, line.level, line.event);
        whole.message = std::move(line.message);
        std::ranges::move(line.fields, std::back_inserter(whole.fields));
        log_.write(whole);
    };
    return std::make_unique<Adoption>(inbox_, action.incarnation, os::keep_high(std::move(channel)),
                                      std::move(adoptable), tell);
}

void Fleet::watch(const core::Spawn& action, std::unique_ptr<WorkerProcess> worker) {
    try {
        worker->start(
            loop_, [this, action] { welcome(action.incarnation, action); },
            [this, incarnation = action.incarnation] { on_exit(incarnation); });
    } catch (const std::exception& error) {
        // It cannot be supervised, so it must not live; it is reaped as any orphan.
        (void)worker->child().signal_group(SIGKILL);
        return fail_spawn(action, std::string{"watching it: "} + error.what());
    }
    workers_[number(action.incarnation)] = std::move(worker);
}

void Fleet::welcome(core::Incarnation incarnation, const core::Spawn& spawn) {
    const WorkerProcess* worker = find(incarnation);
    if (worker == nullptr) return;
    const Edition& edition = editions_.of(spawn.seat.pool, spawn.generation);
    const core::PoolConfig& pool = edition.config;
    os::Welcome welcome;
    welcome.orphans_keep = pool.process.orphans == core::Orphans::keep;
    welcome.beat_interval = pool.policy.beat_interval;
    welcome.slot = number(spawn.seat.slot);
    welcome.quota = spawn.quota_requests;
    welcome.generation = number(spawn.generation);
    if (pool.process.handoff == core::Handoff::receive) {
        for (const NamedListener& socket : edition.sockets) {
            welcome.names.push_back(socket.name);
            welcome.sockets.push_back(socket.of(spawn.seat.slot, spawn.side)->fd());
        }
    }
    const auto sent = os::send_welcome(worker->control(), welcome);
    if (sent) return;
    LogLine line = about(*worker, core::LogLevel::warning, "welcome_failed");
    line.message = "its Hello could not be answered: " + sent.error().message();
    log_.write(line);
}

bool Fleet::was_oom_kill(const core::ExitStatus& status) {
    const auto* killed = std::get_if<core::KilledBy>(&status);
    if (killed == nullptr || killed->signal != SIGKILL) return false;
    const auto kills = oom_.read();
    if (!kills) return false;
    return *kills > std::exchange(oom_kills_, *kills);
}

/// The order matters: what it said, then its group while the zombie holds the id, then the reaping.
void Fleet::on_exit(core::Incarnation incarnation) {
    const auto found = workers_.find(number(incarnation));
    if (found == workers_.end()) return;
    WorkerProcess& worker = *found->second;
    const auto status = worker.child().peek();
    if (status && !*status) return;
    worker.drain_channels();
    (void)worker.child().signal_group(SIGKILL);
    if (worker.adoption() != nullptr) worker.adoption()->restore_paths();
    const auto departure = worker.child().reap();

    Dead dead{worker.pid(), {}};
    if (WorkerOutput* output = worker.output()) {
        dead.output = output->tail();
        if (!output->ended()) {
            std::erase_if(lingering_, [](const auto& pipe) { return pipe.expired(); });
            lingering_.push_back(output->weak_from_this());
            if (lingering_.size() > lingering_max) {
                if (const auto oldest = lingering_.front().lock()) oldest->close();
                lingering_.erase(lingering_.begin());
            }
        }
    }
    if (worker.exec_failure()) {
        inbox_.put(core::SpawnFailed{incarnation, *worker.exec_failure()});
        last_output_of(worker.seat().pool) = *worker.exec_failure();
    } else {
        core::Exited exited{
            .incarnation = incarnation,
            .status = departure ? departure->status
                                : core::ExitStatus{core::Lost{departure.error().value()}}};
        exited.oom_killed = was_oom_kill(exited.status);
        if (departure) {
            exited.cpu_time = departure->usage.user + departure->usage.system;
            exited.max_resident_bytes = departure->usage.resident_bytes_max;
        }
        inbox_.put(exited);
        last_output_of(worker.seat().pool) = dead.output;
    }
    dead_[number(incarnation)] = std::move(dead);
    workers_.erase(found);
}

void Fleet::reap_orphans() {
    for (;;) {
        const auto peeked = os::peek_orphan();
        if (!peeked || !*peeked) return;
        const pid_t orphan = **peeked;
        const auto known = std::find_if(workers_.begin(), workers_.end(), [&](const auto& entry) {
            return entry.second->pid() == orphan;
        });
        if (known != workers_.end()) {
            on_exit(known->second->incarnation());
            continue;
        }
        if (hooks_.owns(orphan)) {
            hooks_.reap(orphan);
            continue;
        }
        const auto departure = os::reap_orphan(orphan);
        if (!departure) return;
        LogLine line{core::LogLevel::debug, "orphan_reaped", {}, {}};
        line.message =
            text("pid ", orphan, ", no worker of ours, ", status_text(departure->status));
        add(line, "pid", orphan);
        log_.write(line);
    }
}

}  // namespace reeve::daemon

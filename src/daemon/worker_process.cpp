// Turns what one worker's process and channels show into facts for the core.
#include "daemon/worker_process.hpp"

#include <algorithm>
#include <utility>

#include "core/limits.hpp"
#include "os/control_channel.hpp"

namespace reeve::daemon {
namespace {

/// One worker's share of a turn.
constexpr int packets_a_turn = 4;
/// What a heartbeat pipe can hold, and a little more: enough to empty it at the end.
constexpr int packets_at_exit = 16;
/// A control channel with more garbage than this is closed.
constexpr std::uint64_t control_garbage_max = 100;

static_assert(core::latency_buckets == REEVE_LATENCY_BUCKETS);

core::Time time_of(std::uint64_t nanoseconds) noexcept {
    const auto most = static_cast<std::uint64_t>(core::Duration::max().count());
    return core::Time{core::Duration{static_cast<std::int64_t>(std::min(nanoseconds, most))}};
}

core::Phase phase_of(std::uint32_t state) noexcept {
    if (state == REEVE_STATE_STARTING) return core::Phase::starting;
    if (state == REEVE_STATE_SERVING) return core::Phase::serving;
    if (state == REEVE_STATE_DRAINING) return core::Phase::draining;
    return core::Phase::stopping;
}

core::BeatFrame frame_of(const reeve_beat& beat) noexcept {
    core::BeatFrame frame;
    frame.process = {beat.process, beat.image};
    frame.sequence = beat.sequence;
    frame.phase = phase_of(beat.state);
    frame.in_flight = beat.in_flight;
    frame.sent = time_of(beat.sent_ns);
    // A start after the beat itself is a lie or a clock of another kind: nothing to time a request
    // by.
    if (beat.oldest_ns != 0 && beat.oldest_ns <= beat.sent_ns)
        frame.oldest = time_of(beat.oldest_ns);
    frame.counters.requests = beat.requests;
    frame.counters.connections = beat.connections;
    frame.counters.errors = beat.errors;
    frame.counters.latency_sum_ns = beat.latency_sum_ns;
    std::copy_n(beat.latency_counts, core::latency_buckets, frame.counters.latency_counts.begin());
    return frame;
}

}  // namespace

WorkerProcess::WorkerProcess(Inbox& inbox, Parts parts)
    : inbox_(inbox),
      incarnation_(parts.incarnation),
      seat_(parts.seat),
      generation_(parts.generation),
      side_(parts.side),
      child_(std::move(parts.spawned.child)),
      exec_(std::move(parts.spawned.exec)),
      heartbeat_(std::move(parts.heartbeat)),
      control_(std::move(parts.control)),
      output_(std::move(parts.output)),
      adoption_(std::move(parts.adoption)),
      probe_(child_.pid(), std::move(parts.sockets)),
      dialects_(inbox, incarnation_, child_.pid(), std::move(parts.dialects)) {}

void WorkerProcess::start(Loop& loop, std::function<void()> welcome, std::function<void()> exited) {
    welcome_ = std::move(welcome);
    exit_watch_ = loop.on_readable(child_.pidfd(), std::move(exited));
    exec_watch_ = loop.on_readable(exec_.fd(), [this] { read_exec_report(); });
    if (heartbeat_) {
        heartbeat_watch_ =
            loop.on_readable(heartbeat_.get(), [this] { read_beats(packets_a_turn); });
    }
    if (control_) {
        control_watch_ = loop.on_readable(control_.get(), [this] { read_control(packets_a_turn); });
    }
    if (adoption_) adoption_->start(loop);
    dialects_.start(loop);
    if (output_) {
        output_->set_pid(child_.pid());
        output_->start(loop);
    }
}

void WorkerProcess::read_exec_report() {
    if (exec_known_) return;
    const auto report = exec_.read();
    if (!report) return;
    exec_known_ = true;
    exec_watch_.stop();
    exec_.close();
    if (*report) {
        inbox_.put(core::Spawned{incarnation_});
    } else {
        exec_failure_ = report->error().text;
    }
}

void WorkerProcess::remember(const core::ProcessKey& key) {
    const auto found = std::find_if(known_.begin(), known_.end(),
                                    [&](const Known& known) { return known.key == key; });
    if (found != known_.end() || known_.size() >= core::beat_streams_max) return;
    std::erase_if(known_, [&](const Known& known) { return known.key.process == key.process; });
    Known known{key, 0, std::nullopt};
    const auto claimed = static_cast<pid_t>(key.process);
    // A pid that is not in the worker's tree is one of another pid namespace, or a lie: it cannot
    // be looked up.
    const bool own = claimed == pid();
    const auto tree = own ? std::vector<pid_t>{claimed} : os::tree_of(pid());
    if (std::find(tree.begin(), tree.end(), claimed) != tree.end()) {
        known.pid = claimed;
        const auto stamp = os::process_stamp(claimed);
        if (stamp) known.stamp = *stamp;
    }
    known_.push_back(known);
}

void WorkerProcess::read_beats(int at_most) {
    std::uint64_t garbage = 0;
    for (int i = 0; i < at_most && heartbeat_; ++i) {
        const auto reading = os::read_beat(heartbeat_.get());
        if (!reading || reading->verdict == os::BeatVerdict::end) {
            inbox_.put(core::BeatsEnded{incarnation_});
            ignore_beats();
            break;
        }
        if (reading->verdict == os::BeatVerdict::empty) break;
        if (reading->verdict == os::BeatVerdict::garbage) {
            ++garbage;
            continue;
        }
        const core::BeatFrame frame = frame_of(reading->beat);
        remember(frame.process);
        inbox_.put(core::Beat{incarnation_, frame});
    }
    if (garbage != 0) {
        inbox_.put(core::Garbage{incarnation_, core::Garbage::Channel::heartbeat, garbage});
    }
}

void WorkerProcess::ignore_beats() {
    heartbeat_watch_.stop();
    heartbeat_.reset();
}

void WorkerProcess::ignore_signs_of_life() {
    ignore_beats();
    dialects_.ignore();
}

void WorkerProcess::read_control(int at_most) {
    for (int i = 0; i < at_most && control_; ++i) {
        const auto message = os::receive_message(control_.get());
        if (!message || std::holds_alternative<os::ClosedChannel>(*message)) {
            control_watch_.stop();
            control_.reset();
            return;
        }
        if (std::holds_alternative<os::NoMessage>(*message)) return;
        if (const auto* hello = std::get_if<os::HelloMessage>(&*message)) {
            greeted_ = true;
            inbox_.put(
                core::Greeted{incarnation_, hello->drains, hello->preloaded, hello->tells_slow});
            welcome_();
        } else if (const auto* slow = std::get_if<os::SlowMessage>(&*message)) {
            inbox_.put(core::SaidSlow{incarnation_, time_of(slow->duration_ns).time_since_epoch(),
                                      slow->method, slow->target});
        } else if (std::holds_alternative<os::ReadyMessage>(*message)) {
            inbox_.put(core::SaidReady{incarnation_});
        } else if (std::holds_alternative<os::GarbageMessage>(*message)) {
            inbox_.put(core::Garbage{incarnation_, core::Garbage::Channel::control, 1});
            if (++control_garbage_ <= control_garbage_max) continue;
            control_watch_.stop();
            control_.reset();
        }
    }
}

void WorkerProcess::drain_channels() {
    exec_.release();
    read_exec_report();
    read_beats(packets_at_exit);
    read_control(packets_at_exit);
    dialects_.drain();
    if (output_) output_->drain();
}

void WorkerProcess::probe() {
    if (dialects_.ask()) return;
    const auto result = probe_.look();
    using View = core::Probed::View;
    View view = View::busy;
    if (result) {
        switch (result->readiness) {
            case os::Readiness::accepting: view = View::accepting; break;
            case os::Readiness::quiet: view = View::quiet; break;
            case os::Readiness::busy: break;
        }
    }
    // It spoke before it was seen waiting: what it says of itself counts more than what it shows.
    read_beats(packets_a_turn);
    read_control(packets_a_turn);
    dialects_.drain();
    inbox_.put(core::Probed{incarnation_, view});
}

core::Examined::Finding WorkerProcess::look_at(const core::ProcessKey& key) {
    using Finding = core::Examined::Finding;
    const auto dumping = [](pid_t process) {
        const auto answer = os::core_dumping(process);
        return answer && *answer;
    };
    if (dumping(pid())) return Finding::dumping_core;
    const auto found = std::find_if(known_.begin(), known_.end(),
                                    [&](const Known& known) { return known.key == key; });
    if (found == known_.end() || !found->stamp) return Finding::alive;
    if (found->pid != pid() && dumping(found->pid)) return Finding::dumping_core;
    const auto stamp = os::process_stamp(found->pid);
    if (!stamp || stamp->start_ticks != found->stamp->start_ticks) return Finding::gone;
    return stamp->image == found->stamp->image ? Finding::alive : Finding::other_image;
}

void WorkerProcess::examine(const core::ProcessKey& process) {
    inbox_.put(core::Examined{incarnation_, process, look_at(process)});
}

void WorkerProcess::sample() {
    const auto resident = os::tree_resident_bytes(pid());
    if (resident) inbox_.put(core::Sampled{incarnation_, *resident});
}

}  // namespace reeve::daemon

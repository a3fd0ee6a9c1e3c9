// The worker machine: what one process of a slot may be in, what it waits for, what ends a wait.
//
// | state    | process | deadline                      | leaves on
// |----------|---------|-------------------------------|----------------------------------------
// | down     | no      | no                            | start -> starting; in place of one that
// |          |         |                               | fails while it lives -> backoff
// | starting | yes     | yes: start_timeout, or the    | ready -> serving; exited, spawn failed
// |          |         | next probe                    | -> down, backoff or failed;
// |          |         |                               | start_timeout, stop -> draining; stop
// |          |         |                               | at once -> killing
// | serving  | yes     | if any: silence, quota,       | exited -> down, backoff or failed;
// |          |         | sample, stable                | silence, request_timeout -> hung or
// |          |         |                               | aborting; core dump -> aborting;
// |          |         |                               | replaced, stop -> draining; stop at
// |          |         |                               | once -> killing
// | hung     | yes     | yes: hook_timeout             | hook ended, deadline, fast stop ->
// |          |         |                               | aborting; exited -> down or backoff;
// |          |         |                               | stop at once -> killing
// | draining | yes     | yes: graceful_timeout, of a   | exited, spawn failed -> down or backoff;
// |          |         | fast stop kill_grace; before  | deadline, stop at once -> killing
// |          |         | the signal, where it has its  |
// |          |         | own queue, the next look at   |
// |          |         | it                            |
// | aborting | yes     | yes: abort_timeout, or        | exited -> down or backoff; deadline,
// |          |         | core_timeout while it dumps   | stop at once -> killing
// | killing  | yes     | yes: kill_grace, again and    | exited, spawn failed -> down or backoff
// |          |         | again                         |
// | backoff  | no      | yes: the delay                | deadline, stop, successor -> down
// | failed   | no      | no                            | only by a new machine
//
// After a death: what is not wanted any more goes down; a worker that ended by itself with a fatal
// code has failed; a failure may have to wait in backoff; all others go down and are started again
// in the same turn. A stop only ever hurries.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/beat.hpp"
#include "core/config.hpp"
#include "core/event.hpp"
#include "core/output.hpp"

namespace reeve::core {

constexpr bool has_process(State state) noexcept {
    switch (state) {
        case State::starting:
        case State::serving:
        case State::hung:
        case State::draining:
        case State::aborting:
        case State::killing: return true;
        case State::down:
        case State::backoff:
        case State::failed: return false;
    }
    return false;
}

/// What a machine needs to know of its surroundings while one event is applied.
struct Context {
    const PoolPolicy& policy;
    Seat seat;
    std::uint64_t seed;
    Time now;
    Output& out;
};

/// How long a serving worker may take until it has spoken up, if it is one that speaks.
constexpr Duration speak_up_time(const PoolPolicy& policy) noexcept {
    // A watchdog is fed about twice a timeout.
    const bool by_watchdog = policy.liveness == Liveness::notify || policy.ready == ReadyBy::notify;
    return by_watchdog ? policy.timeout : policy.beat_interval * 3;
}

class Worker {
public:
    /// A machine that takes the place of one whose failing process still lives, with its history
    /// and its back-off.
    static Worker in_place_of(const Context& context, const Worker& failing);

    /// Makes a process. Only from down.
    void start(const Context& context, Incarnation incarnation, Generation generation,
               Reason reason, Side side);

    void on(const Context& context, const Spawned& event);
    void on(const Context& context, const SpawnFailed& event);
    void on(const Context& context, const Exited& event);
    void on(const Context& context, const Greeted& event);
    void on(const Context& context, const SaidSlow& event);
    void on(const Context& context, const SaidReady& event);
    void on(const Context& context, const Notified& event);
    void on(const Context& context, const Probed& event);
    void on(const Context& context, const Beat& event);
    /// A beat of a process whose exit is known already: only its counters count.
    void on_last(const Context& context, const Beat& event);
    void on(const Context& context, const BeatsEnded& event);
    void on(const Context& context, const Garbage& event);
    void on(const Context& context, const Examined& event);
    void on(const Context& context, const Sampled& event);
    void on(const Context& context, const QueueSeen& event);
    void on(const Context& context, const HookEnded& event);

    /// Does what is due at `context.now`; nothing when nothing is.
    void on_time(const Context& context);

    /// Asks the process to finish its work and leave; it will not be started again by this machine.
    void retire(const Context& context, Reason reason);
    /// As retire, for a slot that starts anew once the process is gone.
    void vacate(const Context& context, Reason reason);
    /// This machine is not to start anything any more, whatever becomes of its process.
    void disown(const Context& context);
    /// The whole pool leaves. Modes only escalate.
    void stop(const Context& context, StopMode mode);

    /// Moves the time that a process has left by reeve's own absence.
    void extend(Duration late);
    /// Moves every silence deadline by reeve's own absence, at most once per beat received.
    void forgive(Duration late, Time now);

    /// When on_time has something to do; nothing while it waits for no time.
    [[nodiscard]] std::optional<Time> deadline(const PoolPolicy& policy) const;

    [[nodiscard]] State state() const noexcept { return state_; }
    [[nodiscard]] Incarnation incarnation() const noexcept { return incarnation_; }
    [[nodiscard]] Generation generation() const noexcept { return generation_; }
    [[nodiscard]] Side side() const noexcept { return side_; }
    [[nodiscard]] Reason reason() const noexcept { return reason_; }
    [[nodiscard]] Time ready_at() const noexcept { return ready_at_; }
    [[nodiscard]] Time started_at() const noexcept { return started_at_; }
    /// Deaths in a row before the worker was stable.
    [[nodiscard]] std::uint32_t failures() const noexcept { return failures_; }
    [[nodiscard]] bool dumping() const noexcept { return dumping_; }
    /// Set once the worker is over a quota or otherwise to be replaced; the time says who was
    /// first.
    [[nodiscard]] std::optional<Time> due_since() const noexcept { return due_since_; }
    [[nodiscard]] Reason due_reason() const noexcept { return due_reason_; }
    void mark_due(const Context& context, Reason reason, std::uint64_t value, std::uint64_t limit);
    [[nodiscard]] const BeatAccount& beats() const noexcept { return beats_; }
    [[nodiscard]] bool has_beaten() const noexcept { return has_beaten_; }
    /// What it says of itself is what the preload library sees.
    [[nodiscard]] bool preloaded() const noexcept { return preloaded_; }
    /// When it fed its watchdog last; nothing while it has none.
    [[nodiscard]] std::optional<Time> watchdog_sign() const noexcept {
        return watchdog_ ? std::optional{watchdog_->last_sign} : std::nullopt;
    }
    /// There is a sign of life whose absence shows.
    [[nodiscard]] bool is_watched() const noexcept { return has_beaten_ || watchdog_.has_value(); }
    /// What made it ready; nothing before.
    [[nodiscard]] std::optional<ReadySign> ready_by() const noexcept {
        return was_ready_ ? std::optional{ready_sign_} : std::nullopt;
    }
    [[nodiscard]] std::uint64_t resident_bytes() const noexcept { return resident_bytes_; }
    /// Forgets earlier failures: the worker has been stable.
    void check_stable(const Context& context);
    /// It is failing while its process lives: hung, aborting, dumping, or being killed for that.
    [[nodiscard]] bool is_failing() const noexcept;

private:
    friend struct Inspector;  ///< the explorer compares whole states
    void enter(const Context& context, State state, Reason reason, std::optional<Time> deadline);
    [[nodiscard]] bool is_sign(const PoolPolicy& policy, ReadySign sign) const noexcept;
    [[nodiscard]] std::optional<Time> first_probe(const PoolPolicy& policy,
                                                  Time now) const noexcept;
    void look_no_more(const PoolPolicy& policy);
    void become_ready(const Context& context, ReadySign sign);
    void begin_drain(const Context& context, Reason reason);
    void tell_to_leave(const Context& context);
    void plan_queue_look(const Context& context);
    void check_settled(const Context& context, const QueueSeen& event);
    void check_queue(const Context& context, const QueueSeen& event);
    void on_draining_time(const Context& context);
    void begin_abort(const Context& context, Reason reason);
    void begin_hang(const Context& context, Reason reason);
    void begin_kill(const Context& context, Reason reason);
    void after_death(const Context& context, const ExitStatus* status, bool failure);
    void send(const Context& context, int signal, Signal::Target target);
    void check_beat(const Context& context, const BeatFrame& frame);
    void check_requests(const Context& context, const BeatFrame& frame);
    void record_slow(const Context& context, SlowRequest record);
    void check_flood(const Context& context, std::uint32_t packets = 1);
    void grant(const Context& context, Duration extension);
    void feed_watchdog(const Context& context);
    void report_hang(const Context& context, HangSign by, const ProcessKey& process,
                     Duration silence, std::uint32_t waiting = 0);
    [[nodiscard]] std::optional<Time> last_sign(const ProcessKey& process);
    void check_silence(const Context& context);
    void check_stream(const Context& context, BeatStream& stream);
    void examine(const Context& context, const ProcessKey& process);
    void note_mute(const Context& context);
    void on_starting_time(const Context& context);
    void on_serving_time(const Context& context);
    void on_aborting_time(const Context& context);
    [[nodiscard]] bool silence_counts(const PoolPolicy& policy) const noexcept;
    [[nodiscard]] std::optional<Time> silence_deadline(const PoolPolicy& policy) const;
    [[nodiscard]] std::optional<Time> starting_deadline(const PoolPolicy& policy) const;
    [[nodiscard]] std::optional<Time> serving_deadline(const PoolPolicy& policy) const;
    /// It uses reeve's protocol, so it will say itself when it is ready.
    [[nodiscard]] bool speaks() const noexcept { return greeted_ || has_beaten_; }
    [[nodiscard]] bool owes_ready(const PoolPolicy& policy) const noexcept;
    [[nodiscard]] bool counts_as_failure() const noexcept;
    [[nodiscard]] About about(const Context& context) const noexcept {
        return {context.seat, incarnation_};
    }

    /// WATCHDOG=1, once it has come.
    struct Watchdog {
        Time last_sign{};  ///< later than the truth where more time was granted
        bool forgiven = false;
    };

    State state_ = State::down;
    bool wanted_ = true;
    std::optional<Time> deadline_;
    Reason reason_ = Reason::none;
    std::uint32_t failures_ = 0;

    // What follows is of the present incarnation and is wiped by start().
    Incarnation incarnation_{};
    Generation generation_{};
    Side side_ = Side::a;
    Reason start_reason_ = Reason::none;
    Time started_at_{};
    Time ready_at_{};
    Time entered_at_{};
    bool was_ready_ = false;
    bool executed_ = false;
    bool greeted_ = false;
    bool drains_ = false;
    bool preloaded_ = false;
    bool tells_slow_ = false;
    bool told_to_drain_ = false;
    bool has_beaten_ = false;
    bool dumping_ = false;
    bool abort_examined_ = false;
    bool crowded_ = false;
    bool was_stable_ = false;
    bool flooding_ = false;
    int last_signal_ = 0;
    StopMode stop_mode_ = StopMode::graceful;
    BeatAccount beats_;
    std::optional<Time> examined_until_;  ///< an answer to a final Examine is awaited until then
    ProcessKey examined_;
    Time silent_since_{};  ///< for `required`, while nothing beats
    bool silence_forgiven_ = false;
    std::optional<Watchdog> watchdog_;
    bool says_stopping_ = false;
    bool says_reloading_ = false;
    bool extended_ = false;  ///< in this state
    ReadySign ready_sign_{};
    std::optional<Time> next_probe_;
    std::optional<Time> next_queue_look_;
    std::optional<Time> tell_at_;      ///< it drains and is told so at the latest then
    std::optional<Time> empty_since_;  ///< while it is not told: nothing was seen waiting since
    std::optional<Time> stuck_since_;  ///< connections wait, and it has not run since
    std::uint64_t ran_ = 0;            ///< then
    std::optional<Time> next_sample_;
    std::uint64_t quota_requests_ = 0;
    std::uint64_t quota_memory_ = 0;
    std::optional<Time> quota_lifetime_;
    std::uint64_t resident_bytes_ = 0;
    std::optional<Time> due_since_;
    Reason due_reason_ = Reason::none;
    std::uint64_t garbage_ = 0;
    Time packets_since_{};
    std::uint32_t packets_ = 0;
    std::optional<Time> slow_since_;  ///< slow requests are counted from then on, for a second
    std::uint32_t slow_ = 0;
    std::uint64_t slow_left_out_ = 0;
};

}  // namespace reeve::core

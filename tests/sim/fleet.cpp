// Seeded fleets of simulated workers around the real core, checked after every turn.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <utility>

#include "core/limits.hpp"
#include "core/supervisor.hpp"
#include "sim/checker.hpp"
#include "sim/trace.hpp"
#include "sim/world.hpp"

namespace reeve::sim {
namespace {

using core::Duration;
using core::State;
using core::Time;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t turns_max = 60'000;
constexpr std::size_t lines_kept = 400;

/// What becomes of the steps of a run.
enum class Trace { none, kept, printed };

/// What one seed gave.
struct Result {
    std::uint64_t hash = 0;
    std::uint64_t turns = 0;
    std::uint64_t spawns = 0;
    std::uint64_t rotations = 0;
    std::uint64_t hangs = 0;
};

/// One fleet: a world, the core, and the shell between them.
class Fleet {
public:
    Fleet(std::uint64_t seed, Trace trace)
        : trace_(trace),
          random_(seed),
          config_(make_config(random_)),
          world_(config_, random_.next()),
          supervisor_(config_, random_.next()),
          checker_(config_),
          now_(seconds{100}) {}

    /// Throws Violation.
    Result run();

    /// The newest lines of the trace that concern this seat, or all.
    void print_trace(std::optional<core::Seat> seat) const;

private:
    void plan_outside_world();
    bool step();
    Time wake_up(Time next);
    void turn(const std::vector<core::Event>& events);
    void fill(std::vector<core::Event>& events);
    bool converged() const;
    Duration patience() const;
    void until_converged();
    void until_left();
    void check_snapshot();
    void note(const std::vector<core::Event>& events, const core::Output& out);

    Trace trace_;
    Random random_;
    core::Config config_;
    World world_;
    core::Supervisor supervisor_;
    Checker checker_;
    Time now_;
    Time trouble_over_{};
    TraceHash hash_;
    std::uint64_t turns_ = 0;
    std::deque<std::string> lines_;

    // A copy of the supervisor, and what went into the original since.
    std::uint64_t snapshot_at_ = 0;
    std::optional<core::Supervisor> snapshot_;
    std::vector<std::pair<std::vector<core::Event>, Time>> inputs_;
    TraceHash since_snapshot_;
};

void Fleet::note(const std::vector<core::Event>& events, const core::Output& out) {
    const auto line = [&](const char* what, const std::string& text) {
        lines_.push_back(text_of(now_) + ' ' + what + ' ' + text);
        if (trace_ == Trace::printed) std::printf("%s\n", lines_.back().c_str());
        if (lines_.size() > lines_kept) lines_.pop_front();
    };
    for (const auto& event : events) line("  >", text_of(event));
    for (const auto& record : out.records) line("   ", text_of(record));
    for (const auto& action : out.actions) line("  <", text_of(action));
}

void Fleet::print_trace(std::optional<core::Seat> seat) const {
    std::string mark;
    if (seat) {
        mark = ' ' + std::to_string(number(seat->pool)) + '/' + std::to_string(number(seat->slot));
    }
    // Events and most actions name no seat: follow the incarnations that were spawned in it.
    std::vector<std::string> marks{mark};
    for (const std::string& text : lines_) {
        const auto at = text.find(mark + '#');
        if (mark.empty() || at == std::string::npos) continue;
        const auto from = at + mark.size();
        marks.push_back(' ' + text.substr(from, text.find(' ', from) - from) + ' ');
    }
    for (const std::string& text : lines_) {
        const std::string padded = text + ' ';
        for (const std::string& each : marks) {
            if (padded.find(each) == std::string::npos) continue;
            std::printf("  %s\n", text.c_str());
            break;
        }
    }
}

/// People ask for rotations and, in some fleets, for a stop at any moment.
void Fleet::plan_outside_world() {
    for (std::uint64_t i = random_.below(6); i > 0; --i) {
        core::RotationRequested request;
        request.seat.pool =
            core::PoolIndex{static_cast<std::uint32_t>(random_.below(config_.pools.size() + 1))};
        request.seat.slot = core::SlotIndex{static_cast<std::uint32_t>(random_.below(6))};
        world_.schedule(request, now_ + random_.from_to(seconds{1}, seconds{60}));
    }
}

/// When the loop turns: at once, a little later, or after an absence.
Time Fleet::wake_up(Time next) {
    Time at = std::max(next, now_);
    if (random_.chance(8)) at += random_.from_to(Duration::zero(), milliseconds{30});
    if (random_.chance(0.4)) {
        const Duration away = random_.from_to(milliseconds{50}, seconds{20});
        if (random_.chance(50)) world_.freeze(away);
        at += away;
    }
    return at;
}

void Fleet::fill(std::vector<core::Event>& events) {
    const auto due = supervisor_.next_deadline();
    const bool fires = due && *due <= now_;
    // The timer may lose the race against other news of the same moment; it fires soon after.
    if ((fires && (events.empty() || !random_.chance(5))) || random_.chance(1)) {
        events.emplace_back(core::Tick{});
    }
    if (events.size() < 2 || random_.chance(50)) return;
    for (std::size_t i = events.size() - 1; i > 0; --i) {
        std::swap(events[i], events[random_.below(i + 1)]);
    }
}

void Fleet::turn(const std::vector<core::Event>& events) {
    if (turns_ == snapshot_at_) snapshot_ = supervisor_;
    if (++turns_ > turns_max) throw Violation("progress", "the fleet never comes to rest");
    if (snapshot_) inputs_.emplace_back(events, now_);
    checker_.before(events, now_, supervisor_);
    const core::Output out = supervisor_.turn(events, now_);
    hash_.add(out, now_);
    if (snapshot_) since_snapshot_.add(out, now_);
    if (trace_ != Trace::none) note(events, out);
    checker_.after(out, supervisor_);
    world_.execute(out.actions, now_);
}

bool Fleet::step() {
    auto next = supervisor_.next_deadline();
    const auto news = world_.next_news();
    if (news && (!next || *news < *next)) next = news;
    if (!next) return false;
    now_ = wake_up(*next);
    std::vector<core::Event> events = world_.read_news(now_);
    fill(events);
    turn(events);
    return true;
}

/// The longest that anything may take in this fleet.
Duration Fleet::patience() const {
    Duration longest{};
    for (const core::PoolConfig& pool : config_.pools) {
        const core::PoolPolicy& p = pool.policy;
        const Duration one = p.timeout + p.start_timeout + p.graceful_timeout + p.abort_timeout +
                             p.core_timeout + p.kill_grace * 2 + p.request_timeout + p.backoff_max +
                             p.hook_timeout + p.ready_for + p.stable_after + seconds{15};
        longest = std::max(longest, one * static_cast<int>(p.workers + 2));
    }
    return longest + config_.stop_delay + config_.queue_grace;
}

/// Away for its planned replacement: where workers are short-lived, there is always one.
bool is_in_turn(const core::Worker& worker) {
    const bool planned =
        worker.reason() == core::Reason::lifetime || worker.reason() == core::Reason::requests;
    return planned && worker.failures() == 0 &&
           (worker.state() == State::draining || worker.state() == State::starting);
}

/// Every slot serves or has failed for good, and who was due long ago has been replaced.
bool Fleet::converged() const {
    for (const core::Pool& pool : supervisor_.pools()) {
        const bool any_failed = std::any_of(
            pool.slots().begin(), pool.slots().end(),
            [](const core::Slot& slot) { return slot.current.state() == State::failed; });
        // Without surge, a slot that failed for good uses up what may be unavailable.
        const bool may_roll = pool.policy().max_surge > 0 || !any_failed;
        if (may_roll && !any_failed && world_.has_left(pool.index())) return false;
        for (const core::Slot& slot : pool.slots()) {
            if (slot.current.state() == State::failed) continue;
            if (is_in_turn(slot.current)) continue;
            if (slot.current.state() != State::serving) return false;
            const auto due = slot.current.due_since();
            if (may_roll && due && *due < trouble_over_) return false;
            const auto process = world_.processes().find(slot.current.incarnation());
            if (process == world_.processes().end()) return false;
            const bool watched = pool.policy().timeout > Duration::zero() &&
                                 pool.policy().liveness != core::Liveness::none &&
                                 (!slot.current.beats().empty() || slot.current.watchdog_sign());
            if (process->second.hung && watched) return false;
            const bool looked_at = pool.policy().timeout > Duration::zero() &&
                                   pool.policy().liveness == core::Liveness::queue;
            if (process->second.hung && looked_at) return false;
        }
    }
    return true;
}

void Fleet::until_converged() {
    world_.end_trouble();
    trouble_over_ = now_;
    Time end = now_ + patience();
    while (!converged() && supervisor_.stop_phase() == core::StopPhase::running) {
        const Time before = now_;
        if (!step())
            throw Violation("liveness", "nobody waits for anything, and not all are ready");
        // The absence of reeve is not the fault of the fleet.
        if (now_ - before > core::lateness_tolerated) end += now_ - before;
        if (now_ > end) throw Violation("liveness", "does not converge");
    }
}

void Fleet::until_left() {
    using core::StopMode;
    const StopMode mode = random_.chance(60)   ? StopMode::graceful
                          : random_.chance(70) ? StopMode::fast
                                               : StopMode::immediate;
    world_.schedule(core::StopRequested{mode}, now_);
    for (std::uint64_t i = random_.chance(40) ? random_.from_to(1, 2) : 0; i > 0; --i) {
        const auto again = static_cast<StopMode>(random_.below(3));
        world_.schedule(core::StopRequested{again},
                        now_ + random_.from_to(Duration::zero(), seconds{4}));
    }
    Time end = now_ + patience();
    while (!world_.left()) {
        const Time before = now_;
        if (!step())
            throw Violation("leave", "nobody waits for anything, and reeve is still there");
        if (now_ - before > core::lateness_tolerated) end += now_ - before;
        if (now_ > end) throw Violation("leave", "the stop takes too long");
    }
    // What comes late must not wake the dead.
    for (int i = 0; i < 3 && step(); ++i) {
    }
    if (!world_.processes().empty()) throw Violation("leave", "a process is left behind");
}

void Fleet::check_snapshot() {
    if (!snapshot_) return;
    TraceHash again;
    for (const auto& [events, at] : inputs_) again.add(snapshot_->turn(events, at), at);
    if (again.value() != since_snapshot_.value()) {
        throw Violation("snapshot", "a copy has another future");
    }
}

Result Fleet::run() {
    snapshot_at_ = random_.below(8) == 0 ? random_.below(200) : turns_max;
    plan_outside_world();
    turn({});
    const Time trouble_ends = now_ + random_.from_to(seconds{2}, seconds{70});
    while (now_ < trouble_ends && supervisor_.stop_phase() == core::StopPhase::running) {
        if (!step()) break;
    }
    if (random_.chance(60)) until_converged();
    until_left();
    check_snapshot();
    return {hash_.value(), turns_, checker_.spawns(), checker_.rotations(), checker_.hangs()};
}

struct Options {
    std::uint64_t first = 1;
    std::uint64_t count = 10'000;
    bool verbose = false;
};

Options parse(int argc, char** argv) {
    Options options;
    if (const char* count = std::getenv("REEVE_SIM_SEEDS")) {
        options.count = std::strtoull(count, nullptr, 10);
    }
    for (int i = 1; i < argc; ++i) {
        const bool has_value = i + 1 < argc;
        if (std::strcmp(argv[i], "--seed") == 0 && has_value) {
            options.first = std::strtoull(argv[++i], nullptr, 10);
            options.count = 1;
        } else if (std::strcmp(argv[i], "--seeds") == 0 && has_value) {
            options.count = std::strtoull(argv[++i], nullptr, 10);
        } else if (std::strcmp(argv[i], "--from") == 0 && has_value) {
            options.first = std::strtoull(argv[++i], nullptr, 10);
        } else if (std::strcmp(argv[i], "--verbose") == 0) {
            options.verbose = true;
        } else {
            std::fprintf(stderr, "usage: %s [--seeds N] [--from SEED] [--seed SEED] [--verbose]\n",
                         argv[0]);
            std::exit(2);
        }
    }
    return options;
}

/// Runs a failed seed once more, to show what led to it: the newest steps of the slot in question.
void explain(std::uint64_t seed) {
    Fleet fleet(seed, Trace::kept);
    try {
        fleet.run();
    } catch (const Violation& violation) {
        fleet.print_trace(violation.seat);
    }
}

/// Runs seeds until one breaks a promise.
int run(const Options& options, const char* program) {
    Result sum;
    for (std::uint64_t seed = options.first; seed < options.first + options.count; ++seed) {
        try {
            const Result result = Fleet(seed, options.verbose ? Trace::printed : Trace::none).run();
            // Every sixteenth is run twice: the same seed gives the same trace.
            if (seed % 16 == 0 && Fleet(seed, Trace::none).run().hash != result.hash) {
                throw Violation("determinism", "the same seed gives another trace");
            }
            sum.turns += result.turns;
            sum.spawns += result.spawns;
            sum.rotations += result.rotations;
            sum.hangs += result.hangs;
        } catch (const Violation& violation) {
            if (!options.verbose) explain(seed);
            std::printf("seed %llu: %s\nreproduce: %s --seed %llu --verbose\n",
                        static_cast<unsigned long long>(seed), violation.what(), program,
                        static_cast<unsigned long long>(seed));
            return 1;
        }
    }
    std::printf(
        "%llu fleets: %llu turns, %llu spawns, %llu rotations, %llu hangs, no violation\n",
        static_cast<unsigned long long>(options.count), static_cast<unsigned long long>(sum.turns),
        static_cast<unsigned long long>(sum.spawns), static_cast<unsigned long long>(sum.rotations),
        static_cast<unsigned long long>(sum.hangs));
    return 0;
}

}  // namespace
}  // namespace reeve::sim

int main(int argc, char** argv) { return reeve::sim::run(reeve::sim::parse(argc, argv), argv[0]); }

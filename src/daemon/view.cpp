// Puts together what the core decides, what has happened, and what the system shows.
#include "daemon/view.hpp"

#include <algorithm>
#include <unistd.h>

#include "os/usage.hpp"

namespace reeve::daemon {
namespace {

/// Age of the newest sign of that process of a worker that is silent longest. One that said that it
/// is about to end owes no beat.
std::optional<core::Duration> beat_age(const core::Worker& worker, core::Time now) {
    std::optional<core::Duration> age;
    for (const core::BeatStream& stream : worker.beats().streams()) {
        if (stream.phase == core::Phase::stopping) continue;
        const core::Duration silence = std::max(now - stream.last_sign, core::Duration::zero());
        age = std::max(age.value_or(core::Duration::zero()), silence);
    }
    if (const auto fed = worker.watchdog_sign()) {
        const core::Duration silence = std::max(now - *fed, core::Duration::zero());
        age = std::max(age.value_or(core::Duration::zero()), silence);
    }
    return age;
}

/// Limits that only a worker which speaks can be held to.
std::vector<SettingView> settings_of(const core::Pool& pool, core::Time now) {
    const core::PoolPolicy& policy = pool.policy();
    // As long as the core gives it to speak up.
    const core::Duration patience = core::speak_up_time(policy);
    const auto all_speak = [&](auto&& speaks) {
        return std::ranges::none_of(pool.slots(), [&](const core::Slot& slot) {
            return slot.current.state() == core::State::serving && !speaks(slot.current) &&
                   now - slot.current.ready_at() >= patience;
        });
    };
    const bool counted = all_speak([](const core::Worker& worker) { return worker.has_beaten(); });
    const bool watched = all_speak([](const core::Worker& worker) { return worker.is_watched(); });
    std::vector<SettingView> settings;
    const auto add = [&](bool asked, std::string_view setting) {
        if (asked) settings.push_back({setting, counted});
    };
    const auto zero = core::Duration::zero();
    const bool by_queue = policy.liveness == core::Liveness::queue;
    if (policy.timeout_written && policy.timeout > zero) {
        settings.push_back({"timeout", by_queue || watched});
    }
    add(policy.max_requests != 0, "max_requests");
    add(policy.request_timeout > zero, "request_timeout");
    add(policy.slow_request > zero, "slow_request");
    return settings;
}

/// Collects the workers of one pool and what they add up to.
class Collector {
public:
    Collector(PoolView& view, core::Time now, const Sampler& sampler, const Names& names,
              core::Handoff handoff)
        : view_(view), now_(now), sampler_(sampler), names_(names), handoff_(handoff) {}

    void add(const core::Slot& slot, std::uint32_t index) {
        const bool lively = core::has_process(slot.current.state());
        // A seat that is not wanted shows only who still sits there.
        if (slot.off && !slot.held && !lively && slot.leaving.empty()) return;
        const auto past = view_.past.cpu_time.find(index);
        cpu_ = past == view_.past.cpu_time.end() ? core::Duration::zero() : past->second;
        if (lively || !slot.off || slot.held) add(slot.current, index, Role::current);
        if (slot.successor) add(*slot.successor, index, Role::successor);
        for (const core::Worker& worker : slot.leaving) add(worker, index, Role::leaving);
        view_.cpu_time.emplace_back(index, cpu_);
    }

private:
    void add(const core::Worker& worker, std::uint32_t index, Role role) {
        ++view_.by_state[static_cast<std::size_t>(worker.state())];
        WorkerView shown;
        shown.slot = index;
        shown.role = role;
        shown.state = worker.state();
        shown.reason = worker.reason();
        shown.due = worker.due_since() ? worker.due_reason() : core::Reason::none;
        shown.generation = number(worker.generation());
        shown.incarnation = number(worker.incarnation());
        shown.handoff = handoff_;
        if (core::has_process(worker.state())) add_process(worker, shown);
        view_.workers.push_back(shown);
    }

    void add_process(const core::Worker& worker, WorkerView& shown) {
        const core::Counters& counters = worker.beats().totals();
        shown.pid = names_.pid(worker.incarnation());
        shown.adopted = names_.adopted(worker.incarnation());
        shown.age = std::max(now_ - worker.started_at(), core::Duration::zero());
        shown.beat_age = beat_age(worker, now_);
        shown.beats = worker.has_beaten();
        shown.preloaded = worker.preloaded();
        shown.feeds_watchdog = worker.watchdog_sign().has_value();
        shown.ready_by = worker.ready_by();
        shown.said = names_.said(worker.incarnation());
        shown.requests = counters.requests;
        shown.in_flight = worker.beats().in_flight();
        daemon::add(view_.counters, counters);
        view_.in_flight += shown.in_flight;
        if (shown.in_flight != 0) ++view_.busy;
        if (const Sample* sample = sampler_.find(worker.incarnation())) {
            shown.sample = *sample;
            cpu_ += sample->cpu_time;
        }
    }

    PoolView& view_;
    core::Time now_;
    const Sampler& sampler_;
    const Names& names_;
    core::Handoff handoff_;
    core::Duration cpu_{};  ///< of the seat that is being added
};

}  // namespace

std::string_view name(Role role) noexcept {
    switch (role) {
        case Role::current: return "current";
        case Role::successor: return "successor";
        case Role::leaving: return "leaving";
    }
    return "unknown";
}

bool is_shown(const core::Pool& pool) noexcept { return !pool.removed() || pool.processes() != 0; }

PoolView view_of(const core::Pool& pool, core::Time now, const History& history,
                 const Sampler& sampler, const Names& names, const Surroundings& around) {
    PoolView view;
    view.name = pool.name();
    view.generation = number(pool.generation());
    view.configured = pool.configured();
    view.desired = pool.wanted();
    view.ready = pool.ready();
    view.draining = pool.draining();
    view.degraded = pool.degraded();
    view.held = pool.held();
    view.reloading = pool.changeover().has_value();
    view.past = history.of(view.name);
    view.counters = view.past.counters;
    view.settings = settings_of(pool, now);
    view.sockets = around.sockets(pool.index());
    view.workers.reserve(pool.slots().size());
    Collector collector{view, now, sampler, names, around.handoff(pool.index())};
    for (std::size_t i = 0; i < pool.slots().size(); ++i) {
        collector.add(pool.slots()[i], static_cast<std::uint32_t>(i));
    }
    return view;
}

OwnView view_of_self(const core::Supervisor& supervisor, const Surroundings& around) {
    OwnView own;
    own.cpu_time = os::own_cpu_time();
    if (const auto usage = os::usage_of(getpid())) own.resident_bytes = usage->resident_bytes;
    if (const auto count = os::open_descriptors(getpid())) own.open_descriptors = *count;
    own.max_descriptors = os::own_descriptor_limit();
    own.dropped_log_lines = around.dropped_log_lines();
    own.dropped_output_bytes = around.dropped_output_bytes();
    own.stale_events = supervisor.stale_events();
    return own;
}

}  // namespace reeve::daemon

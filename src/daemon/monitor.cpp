// Takes the time and the view, and leaves the rest to status and metrics.
#include "daemon/monitor.hpp"

#include <unistd.h>
#include <utility>

#include "daemon/status.hpp"
#include "os/clock.hpp"

namespace reeve::daemon {
namespace {

void add_living(const core::Worker& worker, const Names& names,
                std::vector<Sampler::Living>& living) {
    if (!core::has_process(worker.state())) return;
    const pid_t pid = names.pid(worker.incarnation());
    if (pid > 0) living.push_back({worker.incarnation(), pid});
}

}  // namespace

Monitor::Monitor(const core::Supervisor& supervisor, const Names& names, const Surroundings& around,
                 std::string version)
    : supervisor_(supervisor),
      names_(names),
      around_(around),
      version_(std::move(version)),
      started_(os::wall_now()),
      began_(os::now()) {}

void Monitor::note(const core::Record& record) {
    core::Duration seen{};
    if (const auto* died = std::get_if<core::WorkerDied>(&record)) {
        const Sample* sample = sampler_.find(died->about.incarnation);
        if (sample != nullptr) seen = sample->cpu_time;
    }
    history_.note(record, names_, os::wall_now(), seen);
    metrics_.count(record, names_);
}

void Monitor::note_files(const std::optional<std::string>& why) {
    if (!why) return history_.note_unchanged(os::wall_now());
    std::vector<std::string> pools;
    for (const core::Pool& pool : supervisor_.pools()) {
        if (is_shown(pool)) pools.push_back(pool.name());
    }
    history_.note_invalid_reload(pools, *why, os::wall_now());
    metrics_.count_invalid_reload(pools);
}

View Monitor::look() {
    const core::Time now = os::now();
    std::vector<Sampler::Living> living;
    std::vector<std::string> shown;
    for (const core::Pool& pool : supervisor_.pools()) {
        if (!is_shown(pool)) continue;
        shown.push_back(pool.name());
        for (const core::Slot& slot : pool.slots()) {
            add_living(slot.current, names_, living);
            if (slot.successor) add_living(*slot.successor, names_, living);
            for (const core::Worker& worker : slot.leaving) add_living(worker, names_, living);
        }
    }
    sampler_.refresh(now, living);
    history_.keep_only(shown);

    View view;
    view.version = version_;
    view.pid = getpid();
    view.started = started_;
    view.uptime = now - began_;
    view.stopping = supervisor_.stop_phase() != core::StopPhase::running;
    view.diverged = history_.diverged();
    view.last_reload = history_.last_reload();
    view.own = view_of_self(supervisor_, around_);
    for (const core::Pool& pool : supervisor_.pools()) {
        if (!is_shown(pool)) continue;
        view.pools.push_back(view_of(pool, now, history_, sampler_, names_, around_));
    }
    return view;
}

std::string Monitor::status() { return status_json(look()); }

std::string Monitor::metrics() { return metrics_.render(look()); }

}  // namespace reeve::daemon

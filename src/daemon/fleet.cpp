// Carries out the core's actions on workers. Spawning and dying are in fleet_spawn.cpp.
#include "daemon/fleet.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

#include "daemon/render_parts.hpp"
#include "os/connections.hpp"
#include "os/control_channel.hpp"
#include "os/process.hpp"
#include "os/signals.hpp"

namespace reeve::daemon {

WorkerProcess* Fleet::find(core::Incarnation incarnation) {
    const auto found = workers_.find(number(incarnation));
    return found == workers_.end() ? nullptr : found->second.get();
}

std::string Fleet::subject(const WorkerProcess& worker) const {
    return text(pool(worker.seat().pool), "/", number(worker.seat().slot), " pid ", worker.pid());
}

LogLine Fleet::about(const WorkerProcess& worker, core::LogLevel level,
                     std::string_view event) const {
    LogLine line = about_worker(*this, {worker.seat(), worker.incarnation()}, level);
    line.event = event;
    return line;
}

void Fleet::carry_out(const core::Signal& action) {
    WorkerProcess* worker = find(action.incarnation);
    if (worker == nullptr) {
        drop_waiting(action.incarnation);
        return;
    }
    if (action.target == core::Signal::Target::tree) {
        (void)os::signal_tree(worker->child(), action.signal);
    } else {
        (void)worker->child().signal(action.signal);
    }
    LogLine line = about(*worker, core::LogLevel::debug, "signal_sent");
    line.message = text(os::signal_name(action.signal), " sent");
    add(line, "signal", os::signal_name(action.signal));
    log_.write(line);
}

void Fleet::carry_out(const core::Drain& action) {
    WorkerProcess* worker = find(action.incarnation);
    if (worker == nullptr) {
        drop_waiting(action.incarnation);
        return;
    }
    if (worker->control() >= 0 && os::send_drain(worker->control(), action.within)) return;
    // Who does not listen where it promised to gets what every other program gets.
    (void)worker->child().signal(edition_of(*worker).config.policy.stop_signal);
}

/// No signal to anybody: a program that does not expect one would die of it.
std::size_t Fleet::reopen_logs() {
    std::size_t told = 0;
    for (const auto& [incarnation, worker] : workers_) {
        if (worker->has_greeted() && worker->control() >= 0 && os::send_reopen(worker->control())) {
            ++told;
        }
    }
    return told;
}

void Fleet::carry_out(const core::Probe& action) {
    if (WorkerProcess* worker = find(action.incarnation)) worker->probe();
}

void Fleet::carry_out(const core::Examine& action) {
    if (WorkerProcess* worker = find(action.incarnation)) worker->examine(action.process);
}

void Fleet::carry_out(const core::Sample& action) {
    if (WorkerProcess* worker = find(action.incarnation)) worker->sample();
}

void Fleet::carry_out(const core::LookAtQueue& action) {
    const WorkerProcess* worker = find(action.incarnation);
    if (worker == nullptr) return;
    core::QueueSeen seen{.incarnation = action.incarnation};
    for (const NamedListener& socket : edition_of(*worker).sockets) {
        if (socket.group == nullptr) continue;
        const auto queue = socket.of(worker->seat().slot, worker->side())->queue_length();
        if (queue) seen.waiting += queue->waiting;
        if (!action.busy) continue;
        // What cannot be looked at may be anything.
        const auto busy = os::busy_connections(worker->pid(), socket.group->port());
        seen.busy += busy ? *busy : 1;
    }
    if (!action.busy && seen.waiting != 0) {
        if (const auto ran = os::run_count(worker->pid())) seen.ran = *ran;
    }
    inbox_.put(seen);
}

void Fleet::carry_out(const core::LookAtSides& action) {
    inbox_.put(core::SidesSeen{action.seat, editions_.waiting(action.seat)});
}

void Fleet::carry_out(const core::IgnoreBeats& action) {
    if (WorkerProcess* worker = find(action.incarnation)) worker->ignore_signs_of_life();
}

void Fleet::carry_out(const core::Describe& action) {
    WorkerProcess* worker = find(action.incarnation);
    if (worker == nullptr) return;
    const auto description = os::describe_process(worker->pid());
    LogLine line = about(*worker, core::LogLevel::error, "hang_description");
    line.message = description.text();
    add(line, "threads", description.threads_total);
    descriptions_.push_back(std::move(line));
}

void Fleet::tell_descriptions() {
    for (const LogLine& line : descriptions_) log_.write(line);
    descriptions_.clear();
}

void Fleet::carry_out(const core::RunHangHook& action) {
    WorkerProcess* worker = find(action.incarnation);
    if (worker == nullptr) return inbox_.put(core::HookEnded{action.incarnation});
    const Edition& edition = edition_of(*worker);
    const core::PoolConfig& pool = edition.config;
    const std::vector<std::pair<std::string, std::string>> facts{
        {"REEVE_EVENT", "hang"},
        {"REEVE_POOL", pool.name},
        {"REEVE_SLOT", std::to_string(number(worker->seat().slot))},
        {"REEVE_PID", std::to_string(worker->pid())},
        {"REEVE_INCARNATION", std::to_string(number(action.incarnation))},
    };
    const auto request = make_hook_request(pool, edition.identity, pool.on_hang, facts);
    hooks_.run("on_hang", subject(*worker), request, action.within,
               [this, incarnation = action.incarnation](const HookOutcome&) {
                   inbox_.put(core::HookEnded{incarnation});
               });
}

void Fleet::carry_out(const core::RunDegradedHook& action) {
    const Edition& edition = editions_.in_force(action.pool);
    const core::PoolConfig& pool = edition.config;
    const std::vector<std::pair<std::string, std::string>> facts{
        {"REEVE_EVENT", "degraded"},
        {"REEVE_POOL", pool.name},
        {"REEVE_LAST_OUTPUT", last_output_of(action.pool)},
    };
    const auto request = make_hook_request(pool, edition.identity, pool.on_degraded, facts);
    hooks_.run("on_degraded", pool.name, request, action.within, [](const HookOutcome&) {});
}

void Fleet::carry_out(const core::RunBeforeStart& action) {
    const Edition& edition = editions_.of(action.pool, action.generation);
    const core::PoolConfig& pool = edition.config;
    const std::vector<std::pair<std::string, std::string>> facts{
        {"REEVE_EVENT", "before_start"},
        {"REEVE_POOL", pool.name},
        {"REEVE_GENERATION", std::to_string(number(action.generation))},
    };
    const auto request = make_hook_request(pool, edition.identity, pool.before_start, facts);
    hooks_.run("before_start", pool.name, request, action.within,
               [this, action](const HookOutcome& outcome) {
                   inbox_.put(core::BeforeStartEnded{action.pool, action.generation,
                                                     outcome.succeeded, outcome.how});
               });
}

std::string Fleet::pool(core::PoolIndex pool) const { return editions_.name(pool); }

pid_t Fleet::pid(core::Incarnation incarnation) const {
    const auto living = workers_.find(number(incarnation));
    if (living != workers_.end()) return living->second->pid();
    const auto dead = dead_.find(number(incarnation));
    return dead == dead_.end() ? 0 : dead->second.pid;
}

std::string Fleet::last_output(core::Incarnation incarnation) const {
    const auto dead = dead_.find(number(incarnation));
    return dead == dead_.end() ? std::string{} : dead->second.output;
}

SaidOfItself Fleet::said(core::Incarnation incarnation) const {
    const auto living = workers_.find(number(incarnation));
    return living == workers_.end() ? SaidOfItself{} : living->second->said();
}

std::string Fleet::last_output(core::PoolIndex pool) const {
    return number(pool) < last_outputs_.size() ? last_outputs_[number(pool)] : std::string{};
}

std::vector<std::string> Fleet::adopted(core::Incarnation incarnation) const {
    const auto living = workers_.find(number(incarnation));
    const Adoption* adoption = living == workers_.end() ? nullptr : living->second->adoption();
    return adoption == nullptr ? std::vector<std::string>{} : adoption->adopted();
}

std::string& Fleet::last_output_of(core::PoolIndex pool) {
    if (number(pool) >= last_outputs_.size()) last_outputs_.resize(number(pool) + 1);
    return last_outputs_[number(pool)];
}

void Fleet::bury() { dead_.clear(); }

}  // namespace reeve::daemon

// A shell that knows two pools by name and nothing else.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "daemon/render.hpp"
#include "daemon/view.hpp"

namespace reeve::daemon::test {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Shell final : Names, Surroundings {
    std::vector<std::string> pools{"web", "queue"};
    std::map<std::uint64_t, std::string> outputs;
    std::vector<SocketView> listening;

    [[nodiscard]] std::string pool(core::PoolIndex index) const override {
        return pools.at(number(index));
    }
    [[nodiscard]] pid_t pid(core::Incarnation incarnation) const override {
        return incarnation == core::Incarnation::none
                   ? 0
                   : static_cast<pid_t>(1000 + number(incarnation));
    }
    [[nodiscard]] std::string last_output(core::Incarnation incarnation) const override {
        const auto found = outputs.find(number(incarnation));
        return found == outputs.end() ? "" : found->second;
    }
    [[nodiscard]] std::string last_output(core::PoolIndex) const override { return ""; }
    [[nodiscard]] std::vector<std::string> adopted(core::Incarnation) const override { return {}; }

    [[nodiscard]] std::vector<SocketView> sockets(core::PoolIndex) const override {
        return listening;
    }
    [[nodiscard]] core::Handoff handoff(core::PoolIndex) const override {
        return core::Handoff::inherit;
    }
    [[nodiscard]] std::uint64_t dropped_log_lines() const override { return 3; }
    [[nodiscard]] std::uint64_t dropped_output_bytes() const override { return 0; }
};

inline core::About about(std::uint64_t incarnation, std::uint32_t pool = 0,
                         std::uint32_t slot = 0) {
    return {core::Seat{core::PoolIndex{pool}, core::SlotIndex{slot}},
            core::Incarnation{incarnation}};
}

inline core::Transition starting(core::Reason reason, std::uint32_t pool = 0) {
    core::Transition record;
    record.about = about(1, pool);
    record.from = core::State::down;
    record.to = core::State::starting;
    record.reason = reason;
    return record;
}

inline core::WorkerDied died(std::uint64_t incarnation, std::uint64_t requests,
                             core::ExitStatus status = core::ExitedWith{1},
                             core::Reason reason = core::Reason::none) {
    core::WorkerDied record;
    record.about = about(incarnation);
    record.status = status;
    record.reason = reason;
    record.requests = requests;
    record.counters.requests = requests;
    record.cpu_time = seconds{2};
    return record;
}

}  // namespace reeve::daemon::test

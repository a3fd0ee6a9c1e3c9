// What reeve shows of itself: keeps the past, looks at the present when asked, renders both.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/supervisor.hpp"
#include "daemon/history.hpp"
#include "daemon/metrics.hpp"
#include "daemon/render.hpp"
#include "daemon/sampler.hpp"
#include "daemon/view.hpp"

namespace reeve::daemon {

class Monitor {
public:
    /// All arguments but the version outlive it.
    Monitor(const core::Supervisor& supervisor, const Names& names, const Surroundings& around,
            std::string version);

    /// Counts a record: before the shell forgets whom it is about.
    void note(const core::Record& record);
    /// A reload was refused before it began; nothing: what runs is what the files say already.
    void note_files(const std::optional<std::string>& why);

    /// The bodies of GET /v1/status and GET /metrics, as of now.
    std::string status();
    std::string metrics();

private:
    View look();

    const core::Supervisor& supervisor_;
    const Names& names_;
    const Surroundings& around_;
    std::string version_;
    WallTime started_;
    core::Time began_;
    History history_;
    Sampler sampler_;
    Metrics metrics_;
};

}  // namespace reeve::daemon

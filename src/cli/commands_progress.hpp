// How far a command has come, read from the events that it causes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "cli/client_json.hpp"

namespace reeve::cli {

/// A line for people; `last` ones stay, others may be overwritten by the next.
struct ProgressLine {
    std::string text;
    bool last = false;
};

/// Counts slots, so a worker that is started twice counts once.
class Progress {
public:
    enum class Kind : std::uint8_t { reload, replace, start, stop };

    /// `before`: the pools as they were; without it, or for a pool that is not in it, only what is
    /// done is counted. `target`: POOL, POOL/SLOT or empty.
    Progress(Kind kind, const std::optional<DaemonStatus>& before, const std::string& target);

    /// What there is to say after this event, if anything.
    std::optional<ProgressLine> take(const Event& event);

private:
    ProgressLine line(const std::string& pool);

    Kind kind_;
    std::map<std::string, std::int64_t> totals_;
    std::map<std::string, std::set<std::string>> done_;
    std::set<std::string> proven_;  ///< pools whose old workers go
};

}  // namespace reeve::cli

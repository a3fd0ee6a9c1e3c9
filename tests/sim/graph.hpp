// The graph of the worker machine: explored, written as Graphviz, and read from the prose.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "core/supervisor.hpp"

namespace reeve::sim {

/// What exploring found, or what the prose says, of one state.
struct StateFacts {
    bool process = false;
    std::string deadline;  ///< "no", "yes" or "if any"
    std::set<std::string> leaves_to;
    friend bool operator==(const StateFacts&, const StateFacts&) = default;
};

using Machine = std::map<std::string, StateFacts>;

class Graph {
public:
    void add_edge(const core::Transition& transition);
    void add_state(core::State state, bool has_deadline);

    /// Graphviz, the same for the same graph.
    [[nodiscard]] std::string dot() const;
    [[nodiscard]] Machine machine() const;

private:
    struct Seen {
        bool with_deadline = false;
        bool without_deadline = false;
    };
    std::map<core::State, Seen> states_;
    std::map<std::pair<core::State, core::State>, std::set<std::string>> edges_;
};

/// The table at the head of worker.hpp. Throws std::runtime_error where it cannot be read.
Machine read_prose(const std::string& header);

/// What is different, a line each; empty where both say the same.
std::string difference(const Machine& prose, const Machine& code);

}  // namespace reeve::sim

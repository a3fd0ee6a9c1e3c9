// The metrics as Prometheus scrapes them: what is counted record by record, and what a view shows.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/record.hpp"
#include "daemon/render.hpp"
#include "daemon/view.hpp"

namespace reeve::daemon {

class Metrics {
public:
    Metrics();
    ~Metrics();
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    void count(const core::Record& record, const Names& names);
    /// A new configuration was refused before anything was changed, for these pools.
    void count_invalid_reload(const std::vector<std::string>& pools);

    /// The text exposition format, version 0.0.4. Forgets the pools that the view has no more.
    std::string render(const View& view);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace reeve::daemon

// What the tests of import share: what is found in a report, and a configuration loaded again.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include "config/load.hpp"
#include "import/draft.hpp"
#include "import/report.hpp"

namespace reeve::imports {

/// The entry of a setting; the test fails if there is none.
inline Entry entry_of(const Report& report, const std::string& setting) {
    const auto found = std::find_if(report.entries.begin(), report.entries.end(),
                                    [&](const Entry& entry) { return entry.setting == setting; });
    REQUIRE_MESSAGE(found != report.entries.end(), setting);
    return *found;
}

/// What reeve makes of the draft on a machine with so many CPUs; the test fails on an error.
inline core::Config load_draft(const Draft& draft,
                               std::map<std::string, std::string> variables = {},
                               unsigned cpus = 2) {
    config::Request request;
    request.file = "reeve.yaml";
    request.text = show_draft(draft);
    request.cpus = {cpus, "fixed"};
    request.environment = [&](const std::string& name) {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional{found->second};
    };
    auto loaded = config::load(request);
    INFO(*request.text);
    REQUIRE(loaded.errors == std::vector<std::string>{});
    return loaded.config;
}

}  // namespace reeve::imports

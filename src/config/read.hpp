// From a tree of text to fields: reads options and sections as the options table declares them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/options.hpp"
#include "config/tree.hpp"

namespace reeve::config {

/// How many CPUs there are to use, and how that was found ("quota 1.5 of 8"). Counted by the
/// caller.
struct Cpus {
    unsigned count = 1;
    std::string explanation;
};

/// What reading gathers on its way.
struct Reading {
    Problems problems;
    Cpus cpus;
    std::map<std::string, Place>
        places;  ///< of every option that was written, by path ("pools.web.timeout")

    [[nodiscard]] Place place_of(const std::string& path) const {
        const auto found = places.find(path);
        return found == places.end() ? Place{} : found->second;
    }
};

/// Reads `node` into the option's field. `path` is the way to it, for messages. Returns false after
/// reporting.
bool read_option(const Option& option, const Tree& node, const Target& target,
                 const std::string& path, Reading& reading);

/// Reads all options of a map and reports those that `scope` does not have.
void read_section(Scope scope, const Tree& section, const Target& target, const std::string& path,
                  Reading& reading);

/// Reports a key that is not an option of `scope`, with the best guess at what was meant.
void report_unknown(Scope scope, const Tree& child, const std::string& path, Reading& reading);

/// Reports a node that is not a map of options. Null counts as an empty map.
bool expect_map(const Tree& node, const std::string& path, Reading& reading);

/// 2 x CPUs + 1, at most what the option allows.
std::uint32_t automatic_workers(const Cpus& cpus);

}  // namespace reeve::config

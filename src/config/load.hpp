// From files, environment and flags to core::Config: the way into this room.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/options.hpp"
#include "config/read.hpp"
#include "config/substitute.hpp"
#include "core/config.hpp"

namespace reeve::config {

/// One flag as given: which option, its name on the command line, and its values in order.
struct FlagValue {
    const Option* option = nullptr;
    std::string flag;
    std::vector<std::string> values;
};

/// What a configuration is made from. It can be kept and loaded again at a reload.
struct Request {
    std::string file;                 ///< empty = no file, one pool named `web` from the flags
    std::optional<std::string> text;  ///< read instead of the file, which then only names it
    std::vector<FlagValue> flags;
    std::vector<std::string> command;  ///< what stood after "--"
    Cpus cpus;
    Environment environment;
};

struct Loaded {
    core::Config config;              ///< only meaningful without errors
    std::vector<std::string> errors;  ///< one line each, ready to print
    std::vector<std::string> notes;   ///< what was decided for the user, such as workers: auto
    /// Where each option was written, by path ("pools.web.cwd"), for complaints that come later.
    std::map<std::string, std::string> places;
    [[nodiscard]] bool ok() const { return errors.empty(); }
};

/// Precedence: flag, environment (REEVE_LOG_LEVEL, REEVE_ADMIN; WEB_CONCURRENCY where `workers` is
/// not set), file, default. Reads `conf.d/*.yaml` beside the file too, in the order of the names.
/// Never throws for bad input.
Loaded load(const Request& request);

}  // namespace reeve::config

// What `reeve check` shows of a good configuration.
#pragma once

#include <string>

#include "config/load.hpp"

namespace reeve::cli {

/// Colours for a terminal, or nothing at all.
struct Paint {
    bool on = false;
    bool terminal = false;  ///< what is written can be rewritten
    [[nodiscard]] std::string bold(const std::string& text) const;
    [[nodiscard]] std::string dim(const std::string& text) const;
    [[nodiscard]] std::string green(const std::string& text) const;
    [[nodiscard]] std::string yellow(const std::string& text) const;
    [[nodiscard]] std::string red(const std::string& text) const;
};

/// Pools with command, workers and sockets, and a warning for each limit that may not be kept.
std::string summarize(const config::Loaded& loaded, const Paint& paint);

/// "pools.web.timeout: REMEDY" for the settings that certainly cannot be kept, and for what is
/// known to go wrong with the program: said at a start too.
std::vector<std::string> certain_warnings(const config::Loaded& loaded);

}  // namespace reeve::cli

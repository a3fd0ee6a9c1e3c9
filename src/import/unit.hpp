// The service of systemd that ran the old manager: what it says beside the command line.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/problem.hpp"
#include "import/report.hpp"

namespace reeve::imports {

struct Unit {
    std::vector<std::string> command;  ///< ExecStart, without a shell or env before it
    std::string cwd = "/";
    std::string user, group, umask, nofile;  ///< empty: not set
    std::vector<std::pair<std::string, std::string>> environment;
    std::vector<std::string> environment_files;  ///< "-" before one that need not be there
    std::vector<Entry> entries;                  ///< what becomes of each line
};

/// As `systemctl cat` shows it, drop-ins and all. `file` is how it is called.
config::Parsed<Unit> read_unit(std::string_view text, const std::string& file);

}  // namespace reeve::imports

// One program of supervisord as one or more pools.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/problem.hpp"
#include "import/draft.hpp"
#include "import/ini.hpp"
#include "import/percent.hpp"
#include "import/report.hpp"

namespace reeve::imports {

using EnvironmentList = std::vector<std::pair<std::string, Text>>;

/// KEY="value",KEY2=value: quotes group, blanks around do not count.
config::Parsed<EnvironmentList> read_environment(const std::string& text, const Percent& percent);

/// true, yes, on, 1 and their first letters.
bool is_yes(const std::string& text);

/// What [supervisord] says for all programs.
struct Surroundings {
    Percent percent;
    std::map<std::string, Text> defaults;
    EnvironmentList environment;
};

struct Program {
    std::string error;  ///< begins with the place
    std::vector<PoolDraft> pools;
    std::optional<int> priority;
    std::vector<Entry> entries;  ///< defaults that matter
};

/// `kind`: "program" or "fcgi-program".
Program translate_program(const IniSection& section, const std::string& kind,
                          const std::string& name, const Surroundings& surroundings);

}  // namespace reeve::imports

// From a Procfile to pools of reeve: one for each process type.
#pragma once

#include <set>
#include <string>

#include "config/problem.hpp"
#include "import/imported.hpp"

namespace reeve::imports {

struct Procfile {
    std::string file;  ///< an absolute path
    std::string text;
    std::string env_file;               ///< the .env beside it; empty: there is none
    std::set<std::string> env_names{};  ///< what it defines
};

config::Parsed<Imported> translate(const Procfile& procfile);

}  // namespace reeve::imports

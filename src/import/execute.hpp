// Executes a Gunicorn configuration with the user's Python, as Gunicorn does.
#pragma once

#include <string>
#include <vector>

#include "config/problem.hpp"
#include "import/gunicorn.hpp"

namespace reeve::imports {

struct Execution {
    std::string python;    ///< the interpreter
    std::string location;  ///< as gunicorn's -c has it; empty: ./gunicorn.conf.py if it is there
    std::vector<std::string> environment;  ///< KEY=VALUE, complete
    std::string cwd{};                     ///< empty: ours
    std::vector<std::string> fixed{};      ///< variables that the service itself sets
};

/// What the configuration printed to its stderr and stdout is in `said`, whatever came of it.
config::Parsed<GunicornFile> execute_gunicorn_file(const Execution& execution, std::string& said);

}  // namespace reeve::imports

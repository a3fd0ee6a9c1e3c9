// Which command the workers run once gunicorn does not start them, and what it is told.
#pragma once

#include <string>
#include <vector>

#include "import/gunicorn.hpp"

namespace reeve::imports {

struct GunicornCommand {
    std::string error;     ///< why there is none; the rest is empty then
    bool uvicorn = false;  ///< uvicorn is the worker, alone or in reeve's client; else gunicorn
    bool client = false;
    bool one_socket = false;  ///< it takes one socket only
    std::string application;  ///< "config.asgi:application"
    std::string cwd;
    std::vector<Text> command;
    std::vector<Line> options;  ///< of the pool
    std::vector<std::string> notes;

    /// What the report says of a setting.
    [[nodiscard]] Entry entry_of(const Given& given) const;
};

/// Where a setting is from that the report has under its name in the unit.
constexpr auto from_the_unit = "unit";

/// What wins of all places, one for each setting.
std::vector<Given> winners(const Gunicorn& from);

/// The level as uvicorn and reeve name it. gunicorn takes one that it does not know for info.
Text log_level_of(const Given& given);

/// `given`: what won.
GunicornCommand choose_gunicorn_command(const Gunicorn& from, const std::vector<Given>& given);

}  // namespace reeve::imports

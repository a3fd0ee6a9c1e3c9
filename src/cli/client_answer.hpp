// What an answer of the daemon means for the one who asked.
#pragma once

#include <string>

#include "cli/client.hpp"
#include "cli/client_json.hpp"

namespace reeve::cli {

/// The body of a good answer; Trouble with the daemon's own words otherwise.
std::string expect_good(const Response& response);

/// The exit code of an answer to a command: 0 also where there was nothing to do.
int exit_code_of(unsigned status);

/// "web: no such pool", or what the status alone says.
std::string words_of(const Response& response);

}  // namespace reeve::cli

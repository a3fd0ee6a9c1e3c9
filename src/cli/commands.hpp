// What is asked of a running daemon: one function does it all and knows the exit codes.
#pragma once

#include "cli/client_ask.hpp"
#include "cli/summary.hpp"
#include "config/load.hpp"

namespace reeve::cli {

/// The exit code. Answers go to standard output, trouble and progress to standard error.
int run_ask(const Ask& ask, const config::Environment& environment, const Paint& paint);

}  // namespace reeve::cli

// `reeve import`: reads another manager's files and writes a configuration and a report.
#pragma once

#include "cli/import_arguments.hpp"

namespace reeve::cli {

/// The exit code.
int run_import(const Import& import);

}  // namespace reeve::cli

// `reeve status`: how the daemon, its pools and its workers are, as a page for people.
#pragma once

#include <string>

#include "cli/client.hpp"
#include "cli/client_ask.hpp"
#include "cli/client_json.hpp"
#include "cli/summary.hpp"

namespace reeve::cli {

/// At most 100 columns as long as names and addresses are short. What the daemon did not say is
/// "-".
std::string render_status(const DaemonStatus& status, const Paint& paint);

/// Prints the status, again each second where it is watched; the exit code.
int run_status(Client& client, const AskStatus& ask, const Paint& paint);

}  // namespace reeve::cli

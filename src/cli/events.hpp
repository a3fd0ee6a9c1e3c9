// `reeve events`: what happens, a line each.
#pragma once

#include <string>

#include "cli/client.hpp"
#include "cli/client_ask.hpp"
#include "cli/client_json.hpp"
#include "cli/summary.hpp"

namespace reeve::cli {

/// "21:14:51 warning  worker_died      web/0 pid 4711: killed by SIGSEGV", as the log has it.
std::string render_event(const Event& event, const Paint& paint);

/// Prints what comes until the daemon leaves (0) or the connection is lost.
int run_events(Client& client, const AskEvents& ask, const Paint& paint);

}  // namespace reeve::cli

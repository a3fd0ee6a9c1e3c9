// `reeve health`: one line and an exit code, for HEALTHCHECK and scripts.
#pragma once

#include <string>

#include "cli/client.hpp"
#include "cli/client_ask.hpp"
#include "cli/client_json.hpp"

namespace reeve::cli {

struct Health {
    bool good = false;
    std::string text;  ///< one line
};

/// Ready: at least `min_ready` workers (1 where the daemon does not say) serve, and nobody stopped
/// it.
Health health_of(const DaemonStatus& status, const std::string& pool);

/// 0 when ready, 1 when not, whatever the reason: also when nobody answers.
int run_health(Client& client, const AskHealth& ask);

}  // namespace reeve::cli

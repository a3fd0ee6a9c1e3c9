// The view as the JSON that GET /v1/status answers with.
#pragma once

#include <string>

#include "daemon/view.hpp"

namespace reeve::daemon {

/// One JSON object in one line. What is not known is null; times are RFC 3339 in UTC, durations
/// seconds, memory bytes.
std::string status_json(const View& view);

}  // namespace reeve::daemon

// The parts of the table of Gunicorn's settings.
#pragma once

#include <span>

#include "import/gunicorn.hpp"

namespace reeve::imports {

/// Hooks, and what concerns HTTP, TLS and the application.
std::span<const Setting> gunicorn_server_rows();

}  // namespace reeve::imports

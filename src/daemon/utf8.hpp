// Text that may come from anybody, made fit for JSON.
#pragma once

#include <string>
#include <string_view>

namespace reeve::daemon {

/// What a worker wrote may be no UTF-8, and JSON must be: each byte that belongs to no character
/// becomes a question mark.
std::string valid_utf8(std::string_view text);

}  // namespace reeve::daemon

// The Python program that executes a Gunicorn configuration, as text.
#pragma once

#include <string_view>

namespace reeve::imports {

extern const std::string_view gunicorn_script;

}  // namespace reeve::imports

// Where libreeve-preload.so is: beside the program that was built, or where it was installed.
#pragma once

#include <string>

namespace reeve::daemon {

/// The absolute path. Throws StartError (69), which names `setting`, where there is none.
std::string find_preload_library(const std::string& setting);

}  // namespace reeve::daemon

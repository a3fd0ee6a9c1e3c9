// Finds the library from where reeve itself is, so that an installation can be moved.
#include "daemon/preload.hpp"

#include <filesystem>

#include "daemon/start_error.hpp"

namespace reeve::daemon {
namespace {

namespace fs = std::filesystem;

constexpr auto library = "libreeve-preload.so";

}  // namespace

std::string find_preload_library(const std::string& setting) {
    const fs::path installed = fs::path{REEVE_LIBRARY_DIRECTORY} / library;
    std::error_code error;
    const fs::path own = fs::read_symlink("/proc/self/exe", error).parent_path();
    const fs::path places[] = {own.parent_path() / "preload" / library,
                               own / REEVE_LIBRARY_FROM_PROGRAM / library, installed};
    for (const fs::path& place : places) {
        if (fs::is_regular_file(place, error)) return place.lexically_normal().string();
    }
    throw StartError(exit_code_resource,
                     setting + ": preload needs " + installed.string() +
                         ", which is not there: install it with reeve, or use liveness: auto");
}

}  // namespace reeve::daemon

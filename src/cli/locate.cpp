// Where a worker's program is, looked for as its process will do it.
#include "cli/locate.hpp"

#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace reeve::cli {

namespace {

namespace fs = std::filesystem;

/// A file that may be executed by somebody: by whom is only known when the user has changed.
bool is_program(const fs::file_status& status) {
    constexpr auto execute = fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec;
    return fs::is_regular_file(status) && (status.permissions() & execute) != fs::perms::none;
}

Located locate_in_path(const std::string& program, const core::ProcessConfig& process) {
    // The file may set another PATH.
    if (!process.env_file.empty()) return {};
    const auto own = process.env.find("PATH");
    const char* inherited = std::getenv("PATH");
    const std::string path = own != process.env.end() ? own->second
                             : inherited != nullptr   ? inherited
                                                      : "/usr/bin:/bin";
    std::istringstream directories{path};
    for (std::string directory; std::getline(directories, directory, ':');) {
        std::error_code error;
        const auto file = fs::path{directory} / program;
        const auto status = fs::status(file, error);
        if (error && status.type() != fs::file_type::not_found) return {};
        if (is_program(status)) return {file.string(), {}};
    }
    return {{}, program + ": no such program in PATH (" + path + ")"};
}

}  // namespace

Located locate(const std::string& program, const core::ProcessConfig& process) {
    if (program.find('/') == std::string::npos) return locate_in_path(program, process);
    const auto file = fs::path{process.cwd} / program;
    std::error_code error;
    const auto status = fs::status(file, error);
    if (status.type() == fs::file_type::not_found) return {{}, program + ": no such file"};
    if (!fs::exists(status)) return {};
    if (!is_program(status)) return {{}, program + " is not an executable file"};
    return {file.string(), {}};
}

}  // namespace reeve::cli

// What can be seen of a configuration's surroundings without starting anything.
#include "cli/probe.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <unistd.h>

#include "config/placeholders.hpp"
#include "os/user.hpp"

namespace reeve::cli {

namespace {

namespace fs = std::filesystem;

/// One pool's surroundings.
class Probe {
public:
    Probe(const config::Loaded& loaded, const core::PoolConfig& pool, std::vector<std::string>& out)
        : loaded_{loaded}, pool_{pool}, out_{out} {}

    void run() {
        const auto& process = pool_.process;
        std::error_code error;
        if (!process.cwd.empty() && !fs::is_directory(process.cwd, error)) {
            report("cwd", process.cwd + (error ? ": " + error.message() : " is not a directory"));
        } else {
            look_for("command", process.command);
            look_for("on_hang", pool_.on_hang);
            look_for("on_degraded", pool_.on_degraded);
            look_for("before_start", pool_.before_start);
        }
        if (!process.env_file.empty() && ::access(process.env_file.c_str(), R_OK) != 0) {
            report("env_file", process.env_file + ": " + std::strerror(errno));
        }
        look_for_user("user", process.user);
        look_for_group("group", process.group);
        for (const auto& listen : pool_.listen) {
            look_for_user("listen." + listen.name, listen.owner);
            look_for_group("listen." + listen.name, listen.group);
        }
    }

private:
    void report(const std::string& key, const std::string& text) {
        const auto path = "pools." + pool_.name + "." + key;
        const auto place = loaded_.places.find(path);
        out_.push_back((place == loaded_.places.end() ? "" : place->second + ": ") + path + ": " +
                       text);
    }

    void look_for_user(const std::string& key, const std::string& name) {
        if (name.empty()) return;
        const auto user = os::find_user(name);
        if (!user) report(key, user.error().text());
    }

    void look_for_group(const std::string& key, const std::string& name) {
        if (name.empty()) return;
        const auto group = os::find_group(name);
        if (!group) report(key, group.error().text());
    }

    void look_for(const std::string& key, const std::vector<std::string>& command) {
        if (command.empty() || !config::find_placeholders(command.front()).empty()) return;
        const auto& program = command.front();
        if (program.find('/') == std::string::npos) {
            look_in_path(key, program);
            return;
        }
        const auto file = fs::path{pool_.process.cwd} / program;
        std::error_code error;
        const auto status = fs::status(file, error);
        if (status.type() == fs::file_type::not_found) {
            report(key, program + ": no such file");
        } else if (fs::exists(status) && !is_program(status)) {
            report(key, program + " is not an executable file");
        }
    }

    /// A file that may be executed by somebody: by whom is only known when the user has changed.
    static bool is_program(const fs::file_status& status) {
        constexpr auto execute =
            fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec;
        return fs::is_regular_file(status) && (status.permissions() & execute) != fs::perms::none;
    }

    void look_in_path(const std::string& key, const std::string& program) {
        // The file may set another PATH.
        if (!pool_.process.env_file.empty()) return;
        const auto own = pool_.process.env.find("PATH");
        const char* inherited = std::getenv("PATH");
        const std::string path = own != pool_.process.env.end() ? own->second
                                 : inherited != nullptr         ? inherited
                                                                : "/usr/bin:/bin";
        std::istringstream directories{path};
        for (std::string directory; std::getline(directories, directory, ':');) {
            std::error_code error;
            const auto status = fs::status(fs::path{directory} / program, error);
            const bool hidden = error && status.type() != fs::file_type::not_found;
            if (hidden || is_program(status)) return;
        }
        report(key, program + ": no such program in PATH (" + path + ")");
    }

    const config::Loaded& loaded_;
    const core::PoolConfig& pool_;
    std::vector<std::string>& out_;
};

}  // namespace

std::vector<std::string> probe(const config::Loaded& loaded) {
    std::vector<std::string> out;
    for (const auto& pool : loaded.config.pools) {
        Probe{loaded, pool, out}.run();
    }
    return out;
}

}  // namespace reeve::cli

// What can be seen of a configuration's surroundings without starting anything.
#include "cli/probe.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <unistd.h>

#include "cli/locate.hpp"
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
        const auto problem = locate(command.front(), pool_.process).problem;
        if (!problem.empty()) report(key, problem);
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

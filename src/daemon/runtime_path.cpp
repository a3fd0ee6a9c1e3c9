// Reads the environment that decides where the runtime directory is.
#include "daemon/runtime_path.hpp"

#include <cstdlib>
#include <optional>
#include <unistd.h>

#include "config/admin_path.hpp"
#include "os/peer.hpp"

namespace reeve::daemon {

std::string default_admin_path(const std::string& instance) {
    const auto variable = [](const std::string& name) {
        const char* value = std::getenv(name.c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string>{value};
    };
    return config::default_admin_path(instance, ::getuid(), variable);
}

os::Outcome<void> make_directories(const std::string& path) {
    constexpr mode_t closed = 0700;
    constexpr mode_t open_to_all = 0755;
    const std::string shared = config::shared_tmp_part(path);
    if (shared.empty()) return os::make_parents(path, open_to_all);
    if (auto made = os::make_parents(shared + "/", closed); !made) return made;
    if (auto checked = os::check_private_directory(shared); !checked) return checked;
    return os::make_parents(path, closed);
}

}  // namespace reeve::daemon

// Where the admin socket is when nobody says.
#include "config/admin_path.hpp"

#include <algorithm>

namespace reeve::config {

namespace {

constexpr std::string_view tmp_prefix = "/tmp/reeve-";

/// An absolute directory from the environment, or nothing.
std::string directory(const Environment& environment, const std::string& variable) {
    const auto value = environment(variable);
    if (!value || value->empty() || value->front() != '/') return {};
    return value->substr(0, value->find(':'));
}

}  // namespace

std::string default_admin_path(std::string_view name, std::uint32_t uid,
                               const Environment& environment) {
    std::string below = "/";
    if (!name.empty()) below.append(name).append("/");
    below += "admin.sock";
    if (const auto own = directory(environment, "RUNTIME_DIRECTORY"); !own.empty()) {
        return own + "/admin.sock";
    }
    if (uid == 0) return "/run/reeve" + below;
    if (const auto runtime = directory(environment, "XDG_RUNTIME_DIR"); !runtime.empty()) {
        return runtime + "/reeve" + below;
    }
    return std::string{tmp_prefix} + std::to_string(uid) + below;
}

std::string shared_tmp_part(std::string_view path) {
    if (path.substr(0, tmp_prefix.size()) != tmp_prefix) return {};
    const auto end = std::min(path.find_first_not_of("0123456789", tmp_prefix.size()), path.size());
    const bool number = end > tmp_prefix.size() && end < path.size() && path[end] == '/';
    return std::string{number ? path.substr(0, end) : std::string_view{}};
}

}  // namespace reeve::config

// Who may look and who may command.
#include "daemon/admin_access.hpp"

#include <algorithm>
#include <string>

#include "daemon/start_error.hpp"
#include "os/user.hpp"

namespace reeve::daemon {
namespace {

std::vector<uid_t> users(const std::vector<std::string>& names, const std::string& option) {
    std::vector<uid_t> out;
    for (const std::string& name : names) {
        const auto user = os::find_user(name);
        if (!user) throw StartError(exit_code_config, option + ": " + user.error().text());
        out.push_back(user->uid);
    }
    return out;
}

std::vector<gid_t> groups(const std::vector<std::string>& names, const std::string& option) {
    std::vector<gid_t> out;
    for (const std::string& name : names) {
        const auto group = os::find_group(name);
        if (!group) throw StartError(exit_code_config, option + ": " + group.error().text());
        out.push_back(*group);
    }
    return out;
}

bool contains(const std::vector<unsigned>& list, unsigned id) {
    return std::find(list.begin(), list.end(), id) != list.end();
}

bool shares(const std::vector<gid_t>& list, const std::vector<gid_t>& groups) {
    return std::any_of(groups.begin(), groups.end(),
                       [&](gid_t group) { return contains(list, group); });
}

}  // namespace

AccessRules::AccessRules(const core::AdminConfig& config, uid_t own_uid)
    : read_users_(users(config.read_users, "admin.read_users")),
      read_groups_(groups(config.read_groups, "admin.read_groups")),
      command_users_(users(config.command_users, "admin.command_users")),
      command_groups_(groups(config.command_groups, "admin.command_groups")) {
    command_users_.insert(command_users_.end(), {0, own_uid});
    if (!config.group.empty()) {
        command_groups_.push_back(groups({config.group}, "admin.group").front());
    }
}

Access AccessRules::access_of(const os::Peer& peer) const {
    if (contains(command_users_, peer.uid) || shares(command_groups_, peer.groups)) {
        return Access::command;
    }
    if (contains(read_users_, peer.uid) || shares(read_groups_, peer.groups)) return Access::read;
    return Access::none;
}

}  // namespace reeve::daemon

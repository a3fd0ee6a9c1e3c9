// Who may look and who may command, from the configuration and what the kernel says of the peer.
#pragma once

#include <cstdint>
#include <sys/types.h>
#include <vector>

#include "core/config.hpp"
#include "os/peer.hpp"

namespace reeve::daemon {

/// Each includes what stands before it.
enum class Access : std::uint8_t { none, read, command };

class AccessRules {
public:
    /// Throws StartError (78) for a user or group that does not exist. `own_uid`: that of reeve.
    AccessRules(const core::AdminConfig& config, uid_t own_uid);

    [[nodiscard]] Access access_of(const os::Peer& peer) const;

private:
    std::vector<uid_t> read_users_;
    std::vector<gid_t> read_groups_;
    std::vector<uid_t> command_users_;
    std::vector<gid_t> command_groups_;
};

}  // namespace reeve::daemon

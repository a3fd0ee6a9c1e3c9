// Where the admin socket is when nobody says: the daemon listens there, the client looks there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/substitute.hpp"

namespace reeve::config {

/// The first that applies: $RUNTIME_DIRECTORY/admin.sock (systemd gives each unit its own; of
/// several the first counts); /run/reeve[/NAME]/admin.sock for root;
/// $XDG_RUNTIME_DIR/reeve/[NAME/]admin.sock; /tmp/reeve-UID/[NAME/]admin.sock. `name` is that of
/// the instance, empty for the only one. Relative directories are not followed. Looks at nothing
/// but its arguments.
std::string default_admin_path(std::string_view name, std::uint32_t uid,
                               const Environment& environment);

/// The part of a default path under /tmp that anybody could have made first: "/tmp/reeve-1000". Who
/// uses it must see that it is a directory of this user with mode 0700. Empty for other paths.
std::string shared_tmp_part(std::string_view path);

}  // namespace reeve::config

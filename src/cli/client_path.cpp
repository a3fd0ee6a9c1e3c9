// Which daemon is meant: the path of its admin socket.
#include <sys/stat.h>
#include <unistd.h>

#include "cli/client.hpp"
#include "cli/client_trouble.hpp"
#include "cli/exit_code.hpp"
#include "config/admin_path.hpp"

namespace reeve::cli {

namespace {

/// Under /tmp anybody may have made the directory first, and would be told our commands.
void expect_own(const std::string& directory) {
    struct stat found {};
    if (::lstat(directory.c_str(), &found) != 0) return;
    constexpr mode_t others = 077;
    if (S_ISDIR(found.st_mode) && found.st_uid == ::geteuid() && (found.st_mode & others) == 0) {
        return;
    }
    throw Trouble{exit_refused, directory +
                                    " is not a directory of this user alone (mode 0700), "
                                    "so the socket in it is not trusted; name one with "
                                    "--admin PATH"};
}

}  // namespace

std::string choose_admin_path(const Whom& whom, const config::Environment& environment) {
    auto path = whom.path;
    if (path.empty() && whom.name.empty()) path = environment("REEVE_ADMIN").value_or("");
    if (path == "none") {
        throw Trouble{exit_unavailable,
                      "the admin socket is turned off (none); name one with --admin PATH"};
    }
    if (!path.empty()) return path;
    path = config::default_admin_path(whom.name, ::geteuid(), environment);
    if (const auto shared = config::shared_tmp_part(path); !shared.empty()) expect_own(shared);
    return path;
}

}  // namespace reeve::cli

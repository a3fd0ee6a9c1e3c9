// Users and groups, by name or number.
#pragma once

#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "os/result.hpp"

namespace reeve::os {

struct User {
    std::string name;  ///< empty for a number that the user database does not know
    uid_t uid = 0;
    gid_t gid = 0;              ///< primary; for an unknown number the same number
    std::vector<gid_t> groups;  ///< all, the primary one too
    std::string home;           ///< "/" for an unknown number
};

/// "no user named x".
[[nodiscard]] Outcome<User> find_user(std::string_view name_or_number);

/// Only the id; "no group named x".
[[nodiscard]] Outcome<gid_t> find_group(std::string_view name_or_number);

}  // namespace reeve::os

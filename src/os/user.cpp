// The user database, with errors that name what was asked for.
#include "os/user.hpp"

#include <algorithm>
#include <charconv>
#include <grp.h>
#include <optional>
#include <pwd.h>
#include <unistd.h>

namespace reeve::os {
namespace {

constexpr std::size_t entry_bytes = 16 * 1024;
constexpr std::size_t entry_bytes_max = 1024 * 1024;
constexpr int groups_max = 65536;

std::optional<unsigned> to_id(std::string_view text) noexcept {
    unsigned id = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    const bool whole = error == std::errc{} && end == text.data() + text.size();
    // The highest number means "unchanged" to the kernel.
    return whole && id != ~0U ? std::optional{id} : std::nullopt;
}

/// Calls one of the getXXX_r functions with as much memory as it wants. 0 or an errno.
template <typename Call>
int with_buffer(std::vector<char>& buffer, Call call) {
    buffer.resize(entry_bytes);
    for (;;) {
        const int error = call(buffer.data(), buffer.size());
        if (error == ERANGE && buffer.size() < entry_bytes_max) {
            buffer.resize(buffer.size() * 2);
        } else if (error != EINTR) {
            return error;
        }
    }
}

/// "There is none" comes as success or as any of these.
int unless_missing(int error) noexcept {
    return error == ENOENT || error == ESRCH || error == EBADF || error == EPERM ? 0 : error;
}

std::vector<gid_t> groups_of(const char* name, gid_t primary) {
    std::vector<gid_t> groups(64);
    int count = static_cast<int>(groups.size());
    while (::getgrouplist(name, primary, groups.data(), &count) < 0 && count < groups_max) {
        // Some libcs do not say how many there are.
        count = std::max(count, static_cast<int>(groups.size()) * 2);
        groups.resize(static_cast<std::size_t>(count));
    }
    groups.resize(static_cast<std::size_t>(std::min(count, static_cast<int>(groups.size()))));
    return groups;
}

}  // namespace

Outcome<User> find_user(std::string_view name_or_number) {
    const std::string name{name_or_number};
    const auto id = to_id(name_or_number);
    std::vector<char> buffer;
    passwd entry{};
    passwd* found = nullptr;
    int error = with_buffer(buffer, [&](char* memory, std::size_t size) {
        return ::getpwnam_r(name.c_str(), &entry, memory, size, &found);
    });
    if (found == nullptr && id) {
        error = with_buffer(buffer, [&](char* memory, std::size_t size) {
            return ::getpwuid_r(*id, &entry, memory, size, &found);
        });
    }
    if (found != nullptr) {
        return User{entry.pw_name, entry.pw_uid, entry.pw_gid,
                    groups_of(entry.pw_name, entry.pw_gid), entry.pw_dir};
    }
    if (id) {
        return User{"", *id, *id, {*id}, "/"};
    }
    return Failure{"no user named " + name, unless_missing(error)};
}

Outcome<gid_t> find_group(std::string_view name_or_number) {
    const std::string name{name_or_number};
    std::vector<char> buffer;
    group entry{};
    group* found = nullptr;
    const int error = with_buffer(buffer, [&](char* memory, std::size_t size) {
        return ::getgrnam_r(name.c_str(), &entry, memory, size, &found);
    });
    if (found != nullptr) {
        return entry.gr_gid;
    }
    if (const auto id = to_id(name_or_number)) {
        return *id;
    }
    return Failure{"no group named " + name, unless_missing(error)};
}

}  // namespace reeve::os

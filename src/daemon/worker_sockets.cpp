// Makes the directory, and sweeps up after instances that were killed.
#include "daemon/worker_sockets.hpp"

#include <charconv>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/runtime_path.hpp"
#include "os/process.hpp"

namespace reeve::daemon {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view prefix = "workers.";

/// Nobody has this number any more.
bool is_gone(std::string_view number) {
    pid_t pid = 0;
    const char* const end = number.data() + number.size();
    const auto [at, error] = std::from_chars(number.data(), end, pid);
    if (error != std::errc{} || at != end || pid <= 0) return false;
    return !os::process_stamp(pid);
}

void sweep(const std::string& base) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(base, ignored)) {
        const std::string name = entry.path().filename().string();
        if (!name.starts_with(prefix)) continue;
        struct stat status {};
        if (::lstat(entry.path().c_str(), &status) != 0 || !S_ISDIR(status.st_mode) ||
            status.st_uid != ::geteuid()) {
            continue;
        }
        if (is_gone(std::string_view{name}.substr(prefix.size()))) {
            fs::remove_all(entry.path(), ignored);
        }
    }
}

}  // namespace

WorkerSockets::~WorkerSockets() {
    std::error_code ignored;
    if (!directory_.empty()) fs::remove_all(directory_, ignored);
}

os::Outcome<std::string> WorkerSockets::path(std::string_view name) {
    if (directory_.empty()) {
        const std::string admin = default_admin_path(instance_);
        if (auto made = make_directories(admin); !made) return made.error();
        const std::string base = admin.substr(0, admin.rfind('/') + 1);
        sweep(base);
        std::string directory = base;
        directory.append(prefix).append(std::to_string(::getpid()));
        std::error_code ignored;
        // In a container the number comes again.
        fs::remove_all(directory, ignored);
        constexpr mode_t to_enter = 0711;
        if (::mkdir(directory.c_str(), to_enter) != 0 ||
            ::chmod(directory.c_str(), to_enter) != 0) {
            return os::Failure{"make directory " + directory, errno};
        }
        directory_ = std::move(directory);
    }
    std::string path = directory_;
    path.append("/").append(name);
    return {boost::system::in_place_value, std::move(path)};
}

}  // namespace reeve::daemon

// The one file that knows Boost.Process: its arguments, environment, initialisers; with clone3.
#include "os/spawn.hpp"

#include <algorithm>
#include <array>
#include <climits>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <linux/sched.h>
#include <span>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

// The order stays: the headers of Boost.Process 1.81 lean on the first two unasked.
// clang-format off
#include <boost/optional.hpp>
#include <boost/type_traits.hpp>
#include <boost/process/v2/environment.hpp>
#include <boost/process/v2/impl/environment.ipp>  // not inline, even in the header-only build
#include <boost/process/v2/posix/default_launcher.hpp>
// clang-format on

#include "os/spawn_child.hpp"

namespace reeve::os {
namespace {

namespace process = boost::process::v2;

constexpr std::string_view default_path = "/usr/local/bin:/usr/bin:/bin";

struct StageRow {
    SpawnStage stage;
    std::string_view name;
    std::string_view doing;
};

constexpr std::array stages{
    StageRow{SpawnStage::prepare, "prepare", "prepare"},
    StageRow{SpawnStage::clone, "clone", "clone"},
    StageRow{SpawnStage::group, "group", "setpgid"},
    StageRow{SpawnStage::standard_input, "standard_input", "open /dev/null"},
    StageRow{SpawnStage::descriptors, "descriptors", "pass descriptors"},
    StageRow{SpawnStage::umask, "umask", "umask"},
    StageRow{SpawnStage::nice, "nice", "set nice"},
    StageRow{SpawnStage::limits, "limits", "set resource limits"},
    StageRow{SpawnStage::affinity, "affinity", "set CPU affinity"},
    StageRow{SpawnStage::bind_filter, "bind_filter", "install the filter for handoff: adopt"},
    StageRow{SpawnStage::groups, "groups", "set supplementary groups"},
    StageRow{SpawnStage::gid, "gid", "change group"},
    StageRow{SpawnStage::uid, "uid", "change user"},
    StageRow{SpawnStage::parent_death, "parent_death", "parent is gone"},
    StageRow{SpawnStage::cwd, "cwd", "chdir"},
    StageRow{SpawnStage::exec, "exec", "exec"},
};

static_assert(std::ranges::all_of(stages, [at = 0u](const StageRow& row) mutable {
    return static_cast<unsigned>(row.stage) == at++;
}));

const StageRow& row_of(SpawnStage stage) noexcept {
    const auto at = static_cast<std::size_t>(stage);
    return stages[at < stages.size() ? at : 0];
}

/// Where a Boost.Process launcher would fork and wait, this one clones and returns. What Boost's
/// own launchers do besides (re-creating the executor's epoll in the child, leaving gaps when
/// closing, exit instead of _exit, waiting for the exec) is why none of them is used.
class Launcher : public process::posix::default_launcher {
public:
    /// Of clone: whether the child begins with our table of descriptors or a copy of it.
    bool shares_table = false;

    /// `inits` are Boost.Process initialisers: on_setup runs here, on_exec_setup in the child,
    /// which must not return from the last of them.
    template <typename Args, typename... Inits>
    Result<Child> launch(const std::filesystem::path& command, const Args& args, Inits&&... inits) {
        const char* const* argv = build_argv_(command, args);
        if (const auto error = process::posix::detail::on_setup(*this, command, argv, inits...)) {
            return error;
        }
        // Blocked until the child has default dispositions: no handler of ours may run in it.
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, &before);
        int pidfd = -1;
        const long cloned = clone_process(pidfd);
        if (cloned == 0) {
            static_cast<void>(
                process::posix::detail::on_exec_setup(*this, command, argv, inits...));
            ::_exit(127);
        }
        const Error error = last_error();
        sigprocmask(SIG_SETMASK, &before, nullptr);
        if (cloned < 0) {
            return error;
        }
        pid = static_cast<int>(cloned);
        ::setpgid(pid, pid);  // the child does the same: the group is there for whoever looks first
        return Child{pid, keep_high(Fd{pidfd})};
    }

private:
    /// Copy-on-write, never CLONE_VM. The older call serves where a sandbox does not know clone3.
    [[nodiscard]] long clone_process(int& pidfd) const noexcept {
        const unsigned long files = shares_table ? CLONE_FILES : 0;
        clone_args how{};
        how.flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND | files;
        how.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
        how.exit_signal = SIGCHLD;
        const long cloned = ::syscall(SYS_clone3, &how, sizeof how);
        if (cloned >= 0 || (errno != ENOSYS && errno != EPERM && errno != EINVAL)) {
            return cloned;
        }
        return ::syscall(SYS_clone, CLONE_PIDFD | SIGCHLD | files, nullptr, &pidfd, nullptr,
                         nullptr);
    }
};

/// Our own steps as an initialiser. It does not return from the child.
struct ChildSetup {
    ChildPlan& plan;

    process::error_code on_exec_setup(Launcher& launcher, const std::filesystem::path&,
                                      const char* const*(&argv)) const {
        plan.argv = const_cast<char* const*>(argv);
        plan.env = const_cast<char* const*>(launcher.env);
        run_child(plan);
    }
};

using Environment = std::vector<process::cstring_ref>;

std::string_view key_of(std::string_view entry) noexcept {
    return entry.substr(0, entry.find('='));
}

Environment join_environment(const SpawnRequest& request) {
    Environment all;
    all.reserve(request.env.size() + request.env_base.size());
    for (const std::string& entry : request.env) {
        all.emplace_back(entry.c_str());
    }
    for (const std::string& entry : request.env_base) {
        const bool replaced = std::ranges::any_of(
            request.env,
            [key = key_of(entry)](const std::string& own) { return key_of(own) == key; });
        if (!replaced) {
            all.emplace_back(entry.c_str());
        }
    }
    return all;
}

/// Entries with room for a pid; where the child puts it. They do not move any more.
std::vector<char*> add_pid_variables(SpawnRequest& request) {
    std::vector<std::string>& own = request.env;
    std::erase_if(own, [&](const std::string& entry) {
        return std::ranges::find(request.pid_variables, key_of(entry)) !=
               request.pid_variables.end();
    });
    for (const std::string& variable : request.pid_variables) {
        own.push_back(variable + "=" + std::string(12, '\0'));
    }
    std::vector<char*> slots;
    auto entry = own.end() - static_cast<std::ptrdiff_t>(request.pid_variables.size());
    for (const std::string& variable : request.pid_variables) {
        slots.push_back((entry++)->data() + variable.size() + 1);
    }
    return slots;
}

std::string_view value_of(const Environment& env, std::string_view key) noexcept {
    for (const process::cstring_ref& reference : env) {
        const std::string_view entry{reference.c_str()};
        if (entry.size() > key.size() && key_of(entry) == key) {
            return entry.substr(key.size() + 1);
        }
    }
    return {};
}

/// The paths to try, in order. Relative ones are meant from the child's directory.
std::vector<std::string> find_candidates(const std::string& command, std::string_view path) {
    std::vector<std::string> found;
    if (command.find('/') != std::string::npos) {
        found.push_back(command);
        return found;
    }
    for (;;) {
        const auto end = path.find(':');
        const auto directory = path.substr(0, end);
        found.push_back(std::string{directory.empty() ? "." : directory} + "/" + command);
        if (end == std::string_view::npos) {
            return found;
        }
        path.remove_prefix(end + 1);
    }
}

std::vector<const char*> pointers_to(const std::vector<std::string>& strings) {
    std::vector<const char*> pointers;
    pointers.reserve(strings.size() + 1);
    for (const std::string& string : strings) {
        pointers.push_back(string.c_str());
    }
    pointers.push_back(nullptr);
    return pointers;
}

std::vector<unsigned long> make_cpu_mask(std::span<const unsigned> cpus) {
    constexpr unsigned bits = sizeof(unsigned long) * CHAR_BIT;
    std::vector<unsigned long> mask;
    for (const unsigned cpu : cpus) {
        mask.resize(std::max<std::size_t>(mask.size(), cpu / bits + 1));
        mask[cpu / bits] |= 1UL << (cpu % bits);
    }
    return mask;
}

std::vector<Placement> make_placements(const SpawnRequest& request) {
    std::vector<Placement> placements{
        {-1, 0, -1}, {request.standard_output, 1, -1}, {request.standard_error, 2, -1}};
    for (const PassedFd& passed : request.fds) {
        placements.push_back({passed.source, passed.target, -1});
    }
    return placements;
}

/// A process without the right to change user may still "become" the one that it is.
bool changes_user(const Credentials& who) noexcept {
    return ::geteuid() == 0 || who.uid != ::geteuid() || who.gid != ::getegid();
}

std::string_view complaint_about(const SpawnRequest& request) noexcept {
    if (request.argv.empty() || request.argv.front().empty()) {
        return "empty command";
    }
    for (std::size_t at = 0; at < request.fds.size(); ++at) {
        if (request.fds[at].target != static_cast<int>(at) + 3) {
            return "descriptors are not passed as 3, 4, ... in order";
        }
    }
    for (const unsigned cpu : request.cpus) {
        if (cpu >= 65536) {
            return "no such CPU";
        }
    }
    return {};
}

SpawnFailure failure_of(SpawnStage stage, int error, std::string_view what) {
    std::string text{row_of(stage).doing};
    if (!what.empty()) {
        text.append(" ").append(what);
    }
    if (error != 0) {
        text += ": " + make_error(error).message();
    }
    return {stage, error, std::move(text)};
}

}  // namespace

std::string_view name(SpawnStage stage) noexcept { return row_of(stage).name; }

void throw_exception_from_error(const SpawnFailure& failure, const boost::source_location&) {
    throw std::runtime_error{failure.text};
}

Fd keep_high(Fd fd) noexcept {
    if (!fd) {
        return fd;
    }
    auto moved = duplicate(fd.get(), low_numbers_end);
    return moved ? std::move(*moved) : std::move(fd);
}

boost::system::result<Spawned, SpawnFailure> spawn(SpawnRequest request, std::vector<Fd> given) {
    if (const auto complaint = complaint_about(request); !complaint.empty()) {
        return failure_of(SpawnStage::prepare, EINVAL, complaint);
    }
    auto report = make_pipe();
    if (!report) {
        return failure_of(SpawnStage::prepare, report.error().value(), "pipe");
    }
    if (const auto done = set_nonblocking(report->reader.get()); !done) {
        return failure_of(SpawnStage::prepare, done.error().value(), "pipe");
    }
    ChildPlan plan;
    const auto pid_slots = add_pid_variables(request);
    plan.pid_slots = pid_slots;
    const Environment env = join_environment(request);
    const std::string path{value_of(env, "PATH").empty() ? default_path : value_of(env, "PATH")};
    const auto candidates = find_candidates(request.argv.front(), path);
    const auto candidate_pointers = pointers_to(candidates);
    const auto cpus = make_cpu_mask(request.cpus);
    auto placements = make_placements(request);

    plan.report = report->writer.get();
    plan.placements = placements;
    plan.umask = request.umask ? &*request.umask : nullptr;
    plan.nice = request.nice ? &*request.nice : nullptr;
    plan.limits = request.limits;
    plan.cpus = cpus;
    plan.credentials =
        request.credentials && changes_user(*request.credentials) ? &*request.credentials : nullptr;
    plan.notice_channel = request.notice_channel;
    plan.parent_death_signal = request.parent_death_signal;
    plan.parent = ::getpid();
    plan.cwd = request.cwd.empty() ? nullptr : request.cwd.c_str();
    plan.candidates = candidate_pointers.data();

    plan.shares_table =
        !given.empty() && plan.report < low_numbers_end && plan.notice_channel < low_numbers_end &&
        std::ranges::all_of(placements,
                            [](const Placement& one) { return one.source < low_numbers_end; });

    Launcher launcher;
    launcher.shares_table = plan.shares_table;
    auto child = launcher.launch(request.argv.front(), std::span{request.argv}.subspan(1),
                                 process::process_environment{env}, ChildSetup{plan});
    if (!child) {
        return failure_of(SpawnStage::clone, child.error().value(), {});
    }
    if (plan.shares_table) {
        given.push_back(std::move(report->writer));
    } else {
        given.clear();
    }
    return Spawned{std::move(*child), ExecReport{std::move(report->reader), std::move(given),
                                                 request.argv.front(), path, request.cwd}};
}

std::optional<boost::system::result<void, SpawnFailure>> ExecReport::read() {
    ExecFailure failure;
    const auto bytes = std::as_writable_bytes(std::span{&failure, 1});
    auto count = read_some(fd_.get(), bytes);
    if (count && *count == sizeof failure && failure.stage == own_table) {
        release();
        count = read_some(fd_.get(), bytes);
    }
    if (!count && would_block(count.error())) {
        return std::nullopt;
    }
    fd_.reset();
    release();
    if (count && *count == 0) {
        return std::optional<boost::system::result<void, SpawnFailure>>{std::in_place};
    }
    if (!count || *count != sizeof failure) {
        const int error = count ? EPROTO : count.error().value();
        return failure_of(SpawnStage::prepare, error, "read report");
    }
    const auto stage = static_cast<SpawnStage>(failure.stage);
    if (stage == SpawnStage::cwd) {
        return failure_of(stage, failure.error, cwd_);
    }
    if (stage != SpawnStage::exec) {
        return failure_of(stage, failure.error, {});
    }
    auto told = failure_of(stage, failure.error, command_);
    if (command_.find('/') == std::string::npos) {
        told.text += failure.error == ENOENT ? " (looked in PATH=" + path_ + ")" : "";
    } else if (failure.error == ENOENT) {
        const bool absolute = command_.front() == '/' || cwd_.empty();
        const std::string file = absolute ? command_ : cwd_ + "/" + command_;
        if (::access(file.c_str(), F_OK) == 0) {
            told.text += " (the file is there: is its interpreter?)";
        }
    } else if (failure.error == ENOEXEC) {
        told.text += " (no #! line, or made for another machine)";
    }
    return told;
}

Result<ResourceLimit> raise_nofile() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return last_error();
    }
    const ResourceLimit before{RLIMIT_NOFILE, limit.rlim_cur, limit.rlim_max};
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return last_error();
    }
    return before;
}

}  // namespace reeve::os

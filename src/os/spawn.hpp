// Starts a process with exactly what it was promised, and tells where it failed when it did.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <sys/types.h>
#include <vector>

#include "os/fd.hpp"
#include "os/pidfd.hpp"
#include "os/result.hpp"

namespace reeve::os {

/// A descriptor of ours and the number that it gets in the child. `source` is borrowed and may be
/// close-on-exec.
struct PassedFd {
    int source = -1;
    int target = -1;
};

/// Who the child runs as. See user.hpp.
struct Credentials {
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups;
};

/// One setrlimit(2): `resource` is RLIMIT_*.
struct ResourceLimit {
    int resource = 0;
    rlim_t soft = RLIM_INFINITY;
    rlim_t hard = RLIM_INFINITY;
};

/// Everything about one process to be. What is not set is inherited.
///
/// Always: stdin is /dev/null; an empty signal mask; default disposition of every signal; a process
/// group of its own; no descriptor but 0, 1, 2 and `fds`.
struct SpawnRequest {
    /// argv[0] without a slash is looked up along PATH of `env` as the child's user; with one it is
    /// relative to `cwd`.
    std::vector<std::string> argv;
    std::vector<std::string> env;  ///< KEY=VALUE; with `env_base` complete: nothing is added
    /// More KEY=VALUE, borrowed until spawn() returns; those whose key is in `env` are left out.
    /// What many children share is here: to copy it between two forks is what a start would mostly
    /// consist of.
    std::span<const std::string> env_base{};
    std::vector<std::string> pid_variables;  ///< set to the child's own pid (LISTEN_PID)
    std::vector<PassedFd> fds;               ///< targets 3, 4, ... without gaps, in order
    int standard_output = 1;                 ///< our descriptor that becomes the child's stdout
    int standard_error = 2;                  ///< our descriptor that becomes the child's stderr
    std::string cwd;                         ///< empty = ours; entered as the child's user
    std::optional<Credentials> credentials;
    std::optional<mode_t> umask;
    std::optional<int> nice;  ///< absolute
    std::vector<ResourceLimit> limits;
    std::vector<unsigned> cpus;   ///< affinity; empty = ours
    int parent_death_signal = 0;  ///< when the thread that spawned it ends; 0 = none
    int notice_channel = -1;      ///< NoticeChannel::theirs: install the bind filter; -1 = none
};

/// Where on the way to the new program it failed.
enum class SpawnStage {
    prepare,  ///< in the parent: a request that makes no sense, or no pipe
    clone,
    group,
    standard_input,
    descriptors,
    umask,
    nice,
    limits,
    affinity,
    bind_filter,  ///< EINVAL: too old a kernel; EBUSY: somebody's filter has a listener already
    groups,
    gid,
    uid,
    parent_death,  ///< the parent died meanwhile (ESRCH), or prctl failed
    cwd,
    exec,
};

[[nodiscard]] std::string_view name(SpawnStage stage) noexcept;

struct SpawnFailure {
    SpawnStage stage = SpawnStage::prepare;
    int error = 0;
    std::string text;  ///< "chdir /srv/x: No such file or directory"
    friend bool operator==(const SpawnFailure&, const SpawnFailure&) = default;
};

[[noreturn]] void throw_exception_from_error(const SpawnFailure& failure,
                                             const boost::source_location& where);

/// The child's own account of the way to exec. Its descriptor becomes readable when there is news.
class ExecReport {
public:
    ExecReport() noexcept = default;
    ExecReport(Fd fd, std::vector<Fd> given, std::string command, std::string path, std::string cwd)
        : fd_{std::move(fd)},
          given_{std::move(given)},
          command_{std::move(command)},
          path_{std::move(path)},
          cwd_{std::move(cwd)} {}

    /// Borrowed: to poll for readability.
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    void close() noexcept { fd_.reset(); }
    /// The child is dead: nothing has to be kept for it any more.
    void release() noexcept { given_.clear(); }

    /// nullopt: not yet known. A value: the new program runs (or the child died on the way by a
    /// signal: then its pidfd says so). A failure: the child is about to exit with 127.
    [[nodiscard]] std::optional<boost::system::result<void, SpawnFailure>> read();

private:
    Fd fd_;
    std::vector<Fd> given_;  ///< the child's, while it reads from our table
    std::string command_;
    std::string path_;
    std::string cwd_;
};

struct Spawned {
    Child child;
    ExecReport exec;
};

/// Starts a process and returns at once: what happens in the child is told by `Spawned::exec`.
/// Fails here only for `prepare` and `clone` (EAGAIN: too many processes; ENOMEM).
///
/// `given`: those sources of the request that only the child is to keep; they are closed in time.
/// With them the child does not start with a copy of our table but with the low numbers of it, for
/// to copy and to close thousands of descriptors takes longer than all else before exec. In return
/// the request's other sources have to stay open until the report has told its outcome.
[[nodiscard]] boost::system::result<Spawned, SpawnFailure> spawn(SpawnRequest request,
                                                                 std::vector<Fd> given = {});

/// Moves what stays ours for long out of the low numbers, which are for what children get. Where
/// that cannot be, returns it as it is.
[[nodiscard]] Fd keep_high(Fd fd) noexcept;

/// Raises this process's soft NOFILE limit to its hard one, and returns what it was: put that into
/// `SpawnRequest::limits` so that children get it back (select(2) breaks above 1024).
[[nodiscard]] Result<ResourceLimit> raise_nofile() noexcept;

}  // namespace reeve::os

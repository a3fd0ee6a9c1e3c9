// Records as log lines: the sentence for people and the fields for machines, from the same facts.
#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

#include "core/record.hpp"
#include "daemon/log.hpp"
#include "daemon/said.hpp"

namespace reeve::daemon {

/// What the shell knows of the things that records name by number.
class Names {
public:
    [[nodiscard]] virtual std::string pool(core::PoolIndex pool) const = 0;
    /// 0 when there never was a process.
    [[nodiscard]] virtual pid_t pid(core::Incarnation incarnation) const = 0;
    /// What it tells of itself; empty when it tells nothing or is gone.
    [[nodiscard]] virtual SaidOfItself said(core::Incarnation) const { return {}; }
    /// The last lines that the incarnation wrote to stderr, at most a few KiB; empty when there are
    /// none.
    [[nodiscard]] virtual std::string last_output(core::Incarnation incarnation) const = 0;
    /// The same of the last process of the pool that died unasked.
    [[nodiscard]] virtual std::string last_output(core::PoolIndex pool) const = 0;
    /// Sockets of the pool that it bound; see adoption.hpp.
    [[nodiscard]] virtual std::vector<std::string> adopted(core::Incarnation incarnation) const = 0;

protected:
    ~Names() = default;
};

LogLine render(const core::Record& record, const Names& names);

/// "exited with code 3", "killed by SIGSEGV (core dumped)".
std::string status_text(const core::ExitStatus& status);

/// Who is to blame for a death, as far as can be known: "asked", "own_exit", "exit_code", "reeve",
/// "oom", "crash" (its own fault) or "foreign_signal".
std::string_view death_cause(const core::WorkerDied& died);

}  // namespace reeve::daemon

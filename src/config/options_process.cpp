// The options table: what a worker's process is given, and how it is told to go.
#include <array>

#include "config/option_rows.hpp"

namespace reeve::config {

namespace {

using core::AccessLogFormat;
using core::Orphans;
using core::PoolPolicy;
using core::ProcessConfig;
using core::WorkerOutput;

constexpr std::array orphan_fates{
    named("stop", Orphans::stop, "they get stop_signal and finish what they have begun"),
    named("keep", Orphans::keep, "they go on serving"),
};

constexpr std::array outputs{
    named("tee", WorkerOutput::tee,
          "stderr is copied byte by byte; the last of it is kept for the death record"),
    named("prefix", WorkerOutput::prefix, "each line of stderr begins with pool and slot"),
    named("json", WorkerOutput::json, "each line of stderr is wrapped in a JSON object"),
    named("inherit", WorkerOutput::inherit, "stderr is reeve's own; nothing is kept"),
};

constexpr std::array access_log_formats{
    named("combined", AccessLogFormat::combined, "as httpd and nginx write it"),
    named("json", AccessLogFormat::json, "an object a line, with the seconds that it took"),
};

std::optional<unsigned> umask_of(const Target& target) { return target.pool->process.umask; }
void set_umask(const Target& target, unsigned value) { target.pool->process.umask = value; }

std::optional<std::int64_t> nice_of(const Target& target) {
    const auto nice = target.pool->process.nice;
    return nice ? std::optional<std::int64_t>{*nice} : std::nullopt;
}
void set_nice(const Target& target, std::int64_t value) {
    target.pool->process.nice = static_cast<int>(value);
}

const std::array rows{
    Option{"stop_signal", Scope::pool, SignalKind{&field<&PoolPolicy::stop_signal>}, Reload::live,
           "TERM",
           "Tells a worker to finish what it has begun and exit. nginx and php-fpm need QUIT, "
           "httpd needs WINCH."},
    Option{"fast_stop_signal", Scope::pool, SignalKind{&field<&PoolPolicy::fast_stop_signal>},
           Reload::live, "TERM",
           "Tells a worker to exit when reeve itself was stopped by INT or QUIT."},
    Option{"hang_signal", Scope::pool, SignalKind{&field<&PoolPolicy::hang_signal>}, Reload::live,
           "ABRT", "What a hung worker gets first, so that it leaves a trace."},
    Option{"env", Scope::pool, EnvironmentKind{&field<&ProcessConfig::env>}, Reload::roll, "",
           "Environment variables of the workers, a map NAME: VALUE, added to reeve's own and "
           "winning over env_file. "
           "The same placeholders as in command are replaced."},
    Option{"env_file", Scope::pool,
           TextKind{&field<&ProcessConfig::env_file>, TextKind::Form::absolute_path}, Reload::roll,
           "", "File of NAME=VALUE lines, read whenever a worker is started."},
    Option{"cwd", Scope::pool, TextKind{&field<&ProcessConfig::cwd>, TextKind::Form::absolute_path},
           Reload::roll, "", "Working directory of the workers. Default: reeve's own."},
    Option{"user", Scope::pool, TextKind{&field<&ProcessConfig::user>, TextKind::Form::account},
           Reload::roll, "",
           "User, by name or number, that the workers run as. Default: reeve's own."},
    Option{"group", Scope::pool, TextKind{&field<&ProcessConfig::group>, TextKind::Form::account},
           Reload::roll, "",
           "Group, by name or number, that the workers run as. Default: the groups of user."},
    Option{"umask", Scope::pool, OctalKind{&umask_of, &set_umask}, Reload::roll, "",
           "File mode creation mask of the workers, in octal. Default: reeve's own."},
    Option{
        "nice", Scope::pool, IntegerKind{&nice_of, &set_nice, -20, 19}, Reload::roll, "",
        "Scheduling priority of the workers, from -20 (first) to 19 (last). Default: reeve's own."},
    Option{"rlimits", Scope::pool, LimitsKind{&field<&ProcessConfig::rlimits>}, Reload::roll, "",
           "Resource limits of the workers, a map NAME: LIMIT with the names of setrlimit in lower "
           "case (nofile, core, "
           "as, ...). A limit is a number, a size or unlimited, and sets both the soft and the "
           "hard one."},
    Option{"cpu_affinity", Scope::pool, BoolKind{&field<&ProcessConfig::cpu_affinity>},
           Reload::roll, "off",
           "Bind each worker to one CPU; slots are spread over the CPUs that reeve may use."},
    Option{"orphans", Scope::pool, choice<&ProcessConfig::orphans>(orphan_fates), Reload::roll,
           "stop",
           "What the workers do when reeve dies under them. keep needs output: inherit, and makes "
           "it the default."},
    Option{"output", Scope::pool, choice<&ProcessConfig::output>(outputs), Reload::roll, "tee",
           "What happens to the workers' stderr. Their stdout is always reeve's own."},
    Option{"access_log", Scope::pool,
           TextKind{&field<&ProcessConfig::access_log>, TextKind::Form::log_place}, Reload::roll,
           "none",
           "Where the workers write a line for each request: - (their stdout), a file that each of "
           "them appends to, or none. Done by reeve's clients and by liveness: preload; USR1 opens "
           "the file anew."},
    Option{"access_log_format", Scope::pool,
           choice<&ProcessConfig::access_log_format>(access_log_formats), Reload::roll, "combined",
           "How a line of access_log looks."},
};

}  // namespace

std::span<const Option> process_rows() { return rows; }

}  // namespace reeve::config

// What the daemon says, as values. A daemon of another version may say more or less: what is not
// known here is passed over, what it does not say is left empty.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace reeve::cli {

using Number = std::optional<std::int64_t>;
using Seconds = std::optional<double>;

struct DeathStatus {
    Number slot;
    Number pid;
    std::string status;  ///< "killed by SIGSEGV"
    std::string reason;
    std::string cause;
    std::string time;
    std::string last_output;
};

struct ReloadStatus {
    std::string result;
    std::string time;
    Seconds took;
    std::string why;
};

struct SocketStatus {
    std::string name;
    std::string address;
    Number queue;
    Number queue_max;
};

struct WorkerStatus {
    Number slot;
    Number pid;
    std::string state;
    Number generation;
    Seconds age;
    Seconds beat_age;
    Number requests;
    Number in_flight;
    Number resident_bytes;
    std::string reason;
    std::string due;
    std::string role;  ///< "current", "successor", "leaving"
};

struct PoolStatus {
    std::string name;
    Number generation;
    Number desired;
    Number configured;
    Number ready;
    Number min_ready;
    Number draining;
    Number restarts;
    std::optional<DeathStatus> last_death;
    std::optional<ReloadStatus> last_reload;
    bool config_diverged = false;
    bool degraded = false;
    bool held = false;
    bool reloading = false;
    std::vector<std::string> not_enforced;
    std::vector<SocketStatus> sockets;
    std::vector<WorkerStatus> workers;
};

struct DaemonStatus {
    std::string version;
    Number pid;
    Seconds uptime;
    bool stopping = false;
    bool config_diverged = false;
    std::optional<ReloadStatus> last_reload;
    std::vector<PoolStatus> pools;  ///< in the order of the daemon
};

/// Throws Trouble when the text is no JSON object.
DaemonStatus parse_status(std::string_view text);

/// One record of the daemon. `fields`: every value that has no member here, as text.
struct Event {
    std::string time;
    std::string level;
    std::string name;
    std::string subject;
    std::string message;
    std::map<std::string, std::string> fields;
};

/// Never throws for what comes: data that is no object becomes the message.
Event parse_event(std::string_view name, std::string_view data);

/// How a command ended: "done", "failed", ...; the text is the whole body where it is no JSON.
struct Verdict {
    std::string verdict;
    std::string text;
};
Verdict parse_verdict(std::string_view body);

using BodyValue = std::variant<std::string, bool>;
/// A JSON object; empty strings are left out.
std::string make_body(std::initializer_list<std::pair<std::string_view, BodyValue>> members);

}  // namespace reeve::cli

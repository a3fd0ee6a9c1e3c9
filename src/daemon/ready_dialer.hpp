// Asks a starting worker at its own address whether it is ready: a connection, or a GET.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/time.hpp"
#include "daemon/loop.hpp"
#include "os/dial.hpp"

namespace reeve::daemon {

/// Where, and what is asked there; nothing: a connection is enough.
struct ReadyQuestion {
    os::DialTarget target;
    std::string request;
};

class ReadyDialer {
public:
    /// `ready` is called when the answer is yes.
    ReadyDialer(ReadyQuestion question, std::function<void()> ready);

    /// Begins an attempt, unless one is under way that is young enough to be waited for.
    void attempt(Loop& loop);

private:
    void on_connected(Loop& loop);
    void on_answer();
    void end();

    ReadyQuestion question_;
    std::function<void()> ready_;
    os::Fd connection_;
    core::Time began_{};
    std::string answer_;
    Watch watch_;
};

/// "GET PATH HTTP/1.1" and what belongs to it.
std::string ready_request(const std::string& host, const std::string& path);

/// Whether a status line says yes (2xx, 3xx), no, or is not complete yet.
enum class HttpVerdict { yes, no, incomplete };
HttpVerdict judge_answer(std::string_view answer);

}  // namespace reeve::daemon

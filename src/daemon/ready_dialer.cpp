// One connection at a time, of which no more than a status line is read.
#include "daemon/ready_dialer.hpp"

#include <array>
#include <exception>
#include <span>
#include <utility>

#include "os/clock.hpp"
#include "os/peer.hpp"

namespace reeve::daemon {
namespace {

/// An answer that takes longer is not awaited any more.
constexpr core::Duration attempt_max = std::chrono::seconds{5};
/// "HTTP/1.1 200".
constexpr std::size_t verdict_size = 12;

}  // namespace

std::string ready_request(const std::string& host, const std::string& path) {
    std::string request = "GET " + path + " HTTP/1.1\r\nHost: " + host;
    request += "\r\nUser-Agent: reeve\r\nAccept: */*\r\nConnection: close\r\n\r\n";
    return request;
}

HttpVerdict judge_answer(std::string_view answer) {
    constexpr std::string_view version = "HTTP/1.";
    const std::string_view begin = answer.substr(0, version.size());
    if (begin != version.substr(0, begin.size())) return HttpVerdict::no;
    if (answer.size() < verdict_size) return HttpVerdict::incomplete;
    const auto is_digit = [&](std::size_t at) { return answer[at] >= '0' && answer[at] <= '9'; };
    const bool formed = is_digit(7) && answer[8] == ' ' && is_digit(10) && is_digit(11);
    const bool good = answer[9] == '2' || answer[9] == '3';
    return formed && good ? HttpVerdict::yes : HttpVerdict::no;
}

ReadyDialer::ReadyDialer(ReadyQuestion question, std::function<void()> ready)
    : question_(std::move(question)), ready_(std::move(ready)) {}

void ReadyDialer::end() {
    watch_.stop();
    connection_.reset();
}

void ReadyDialer::attempt(Loop& loop) {
    const core::Time now = os::now();
    if (connection_ && now - began_ < attempt_max) return;
    end();
    auto dialled = os::start_dial(question_.target);
    if (!dialled) return;
    connection_ = std::move(*dialled);
    began_ = now;
    answer_.clear();
    try {
        watch_ = loop.on_writable(connection_.get(), [this, &loop] { on_connected(loop); });
    } catch (const std::exception&) {
        // No room for one more descriptor now: the next attempt may have it.
        end();
    }
}

void ReadyDialer::on_connected(Loop& loop) {
    if (!os::dial_result(connection_.get())) return end();
    if (question_.request.empty()) {
        end();
        return ready_();
    }
    // A fresh connection has room for a request of this size.
    const auto sent = os::send_some(connection_.get(), question_.request);
    if (!sent || *sent != question_.request.size()) return end();
    watch_.stop();
    try {
        watch_ = loop.on_readable(connection_.get(), [this] { on_answer(); });
    } catch (const std::exception&) {
        end();
    }
}

void ReadyDialer::on_answer() {
    std::array<std::byte, verdict_size> buffer{};
    const auto room = std::span{buffer}.first(verdict_size - answer_.size());
    const auto count = os::read_some(connection_.get(), room);
    if (!count && os::would_block(count.error())) return;
    if (!count || *count == 0) return end();
    answer_.append(reinterpret_cast<const char*>(buffer.data()), *count);
    switch (judge_answer(answer_)) {
        case HttpVerdict::incomplete: return;
        case HttpVerdict::no: return end();
        case HttpVerdict::yes: end(); return ready_();
    }
}

}  // namespace reeve::daemon

// Reads the lines that are known, and no more of any than is shown.
#include "os/notify_message.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace reeve::os {
namespace {

template <typename Number>
std::optional<Number> number_of(std::string_view text) noexcept {
    Number value = 0;
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, value);
    if (text.empty() || error != std::errc{} || at != end) return std::nullopt;
    return value;
}

bool is_key(std::string_view text) noexcept {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    });
}

core::Duration microseconds(std::uint64_t count) noexcept {
    constexpr auto most = static_cast<std::uint64_t>(core::Duration::max().count()) / 1000;
    return std::chrono::microseconds{static_cast<std::int64_t>(std::min(count, most))};
}

void take(NotifyMessage& message, std::string_view key, std::string_view value) {
    if (key == "READY") {
        message.ready |= value == "1";
    } else if (key == "WATCHDOG") {
        message.alive |= value == "1";
        message.trigger |= value == "trigger";
    } else if (key == "STOPPING") {
        message.stopping |= value == "1";
    } else if (key == "RELOADING") {
        message.reloading |= value == "1";
    } else if (key == "EXTEND_TIMEOUT_USEC") {
        if (const auto count = number_of<std::uint64_t>(value)) {
            message.extension = std::max(message.extension, microseconds(*count));
        }
    } else if (key == "STATUS") {
        message.status = value.substr(0, notify_status_max);
    } else if (key == "MAINPID") {
        const auto pid = number_of<pid_t>(value);
        if (pid && *pid > 0) message.main_pid = pid;
    } else if (key == "ERRNO") {
        if (const auto error = number_of<int>(value)) message.error = error;
    } else if (key == "BUSERROR") {
        message.bus_error = value.substr(0, notify_status_max);
    }
}

}  // namespace

std::optional<NotifyMessage> parse_notify(std::string_view text) {
    NotifyMessage message;
    bool any = false;
    while (!text.empty()) {
        const auto end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        const auto equals = line.find('=');
        if (equals == std::string_view::npos || !is_key(line.substr(0, equals))) continue;
        any = true;
        take(message, line.substr(0, equals), line.substr(equals + 1));
    }
    return any ? std::optional{std::move(message)} : std::nullopt;
}

}  // namespace reeve::os

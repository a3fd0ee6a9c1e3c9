// `reeve events`: what happens, a line each.
#include "cli/events.hpp"

#include <algorithm>
#include <iostream>

#include "cli/client_answer.hpp"
#include "cli/client_trouble.hpp"
#include "cli/exit_code.hpp"
#include "cli/status_table.hpp"

namespace reeve::cli {

namespace {

constexpr std::size_t level_width = 8;
constexpr std::size_t name_width = 16;

Tone tone_of(const std::string& level) {
    if (level == "error" || level == "critical") return Tone::bad;
    if (level == "warning") return Tone::warning;
    return level == "info" ? Tone::good : Tone::faint;
}

std::string filled(std::string text, std::size_t width) {
    text.resize(std::max(text.size(), width), ' ');
    return text;
}

/// The time of day of "2026-11-22T21:14:51.123456Z"; anything else as it is.
std::string time_of_day(const std::string& time) {
    constexpr std::size_t day = 11;
    constexpr std::size_t milliseconds = 12;
    if (time.size() < day + milliseconds || time[day - 1] != 'T') return time;
    return time.substr(day, milliseconds);
}

}  // namespace

std::string render_event(const Event& event, const Paint& paint) {
    std::string line;
    if (!event.time.empty()) line += harmless(time_of_day(event.time)) + " ";
    line += toned(filled(plain(event.level), level_width), tone_of(event.level), paint) + " ";
    line += filled(plain(event.name), name_width) + " ";
    if (!event.subject.empty()) line += harmless(event.subject) + ": ";
    return line + harmless(event.message);
}

int run_events(Client& client, const AskEvents& ask, const Paint& paint) {
    bool leaves = false;
    const auto answer = client.follow([&](const RawEvent& raw) {
        leaves = leaves || raw.name == "stop_start" || raw.name == "stopped";
        std::cout << (ask.json ? raw.data : render_event(parse_event(raw.name, raw.data), paint))
                  << '\n'
                  << std::flush;
    });
    expect_good(answer);
    if (leaves) return exit_good;
    throw Trouble{exit_failed, "the daemon at " + client.path() +
                                   " ended the event stream; run this again to go on"};
}

}  // namespace reeve::cli

// The one table of signal names.
#include "os/signals.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <csignal>

namespace reeve::os {
namespace {

constexpr int number_max = 64;

// By number on x86-64 and aarch64.
constexpr std::array rows{
    SignalRow{SIGHUP, "SIGHUP"},   SignalRow{SIGINT, "SIGINT"},
    SignalRow{SIGQUIT, "SIGQUIT"}, SignalRow{SIGILL, "SIGILL"},
    SignalRow{SIGTRAP, "SIGTRAP"}, SignalRow{SIGABRT, "SIGABRT"},
    SignalRow{SIGBUS, "SIGBUS"},   SignalRow{SIGFPE, "SIGFPE"},
    SignalRow{SIGKILL, "SIGKILL"}, SignalRow{SIGUSR1, "SIGUSR1"},
    SignalRow{SIGSEGV, "SIGSEGV"}, SignalRow{SIGUSR2, "SIGUSR2"},
    SignalRow{SIGPIPE, "SIGPIPE"}, SignalRow{SIGALRM, "SIGALRM"},
    SignalRow{SIGTERM, "SIGTERM"}, SignalRow{SIGSTKFLT, "SIGSTKFLT"},
    SignalRow{SIGCHLD, "SIGCHLD"}, SignalRow{SIGCONT, "SIGCONT"},
    SignalRow{SIGSTOP, "SIGSTOP"}, SignalRow{SIGTSTP, "SIGTSTP"},
    SignalRow{SIGTTIN, "SIGTTIN"}, SignalRow{SIGTTOU, "SIGTTOU"},
    SignalRow{SIGURG, "SIGURG"},   SignalRow{SIGXCPU, "SIGXCPU"},
    SignalRow{SIGXFSZ, "SIGXFSZ"}, SignalRow{SIGVTALRM, "SIGVTALRM"},
    SignalRow{SIGPROF, "SIGPROF"}, SignalRow{SIGWINCH, "SIGWINCH"},
    SignalRow{SIGIO, "SIGIO"},     SignalRow{SIGPWR, "SIGPWR"},
    SignalRow{SIGSYS, "SIGSYS"},
};

bool equal_ignoring_case(std::string_view one, std::string_view other) noexcept {
    return std::ranges::equal(one, other, [](unsigned char a, unsigned char b) {
        return std::toupper(a) == std::toupper(b);
    });
}

std::optional<int> to_int(std::string_view text) noexcept {
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size() ? std::optional{number}
                                                                    : std::nullopt;
}

std::optional<int> in_range(std::optional<int> number, int lowest) noexcept {
    return number && *number >= lowest && *number <= number_max ? number : std::nullopt;
}

}  // namespace

std::span<const SignalRow> standard_signals() noexcept { return rows; }

std::string signal_name(int number) {
    const auto row = std::ranges::find(rows, number, &SignalRow::number);
    if (row != rows.end()) {
        return std::string{row->name};
    }
    if (number >= SIGRTMIN && number <= SIGRTMAX) {
        return number == SIGRTMIN ? "SIGRTMIN" : "SIGRTMIN+" + std::to_string(number - SIGRTMIN);
    }
    return "signal " + std::to_string(number);
}

std::optional<int> parse_signal(std::string_view text) noexcept {
    constexpr std::string_view prefix = "SIG";
    constexpr std::string_view real_time = "RTMIN";
    if (const auto number = to_int(text)) {
        return in_range(number, 1);
    }
    if (equal_ignoring_case(text.substr(0, prefix.size()), prefix)) {
        text.remove_prefix(prefix.size());
    }
    for (const SignalRow& row : rows) {
        if (equal_ignoring_case(text, row.name.substr(prefix.size()))) {
            return row.number;
        }
    }
    if (!equal_ignoring_case(text.substr(0, real_time.size()), real_time)) {
        return std::nullopt;
    }
    text.remove_prefix(real_time.size());
    if (text.empty()) {
        return SIGRTMIN;
    }
    const auto offset = text.front() == '+' ? to_int(text.substr(1)) : std::nullopt;
    if (!offset || *offset < 0 || *offset > SIGRTMAX - SIGRTMIN) {
        return std::nullopt;
    }
    return SIGRTMIN + *offset;
}

}  // namespace reeve::os

// Single values as people write them, and back to text.
#include "config/values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <limits>
#include <utility>

namespace reeve::config {

namespace {

struct Unit {
    std::string_view name;
    std::uint64_t scale;
};

/// Nanoseconds.
constexpr std::array duration_units{
    Unit{"ns", 1},
    Unit{"us", 1'000},
    Unit{"ms", 1'000'000},
    Unit{"s", 1'000'000'000},
    Unit{"", 1'000'000'000},
    Unit{"m", 60'000'000'000},
    Unit{"min", 60'000'000'000},
    Unit{"h", 3'600'000'000'000},
    Unit{"d", 86'400'000'000'000},
};

constexpr std::uint64_t kibi = 1024;
constexpr std::uint64_t kilo = 1000;

constexpr std::array byte_units{
    Unit{"", 1},
    Unit{"B", 1},
    Unit{"K", kibi},
    Unit{"KiB", kibi},
    Unit{"KB", kilo},
    Unit{"M", kibi* kibi},
    Unit{"MiB", kibi* kibi},
    Unit{"MB", kilo* kilo},
    Unit{"G", kibi* kibi* kibi},
    Unit{"GiB", kibi* kibi* kibi},
    Unit{"GB", kilo* kilo* kilo},
    Unit{"T", kibi* kibi* kibi* kibi},
    Unit{"TiB", kibi* kibi* kibi* kibi},
    Unit{"TB", kilo* kilo* kilo* kilo},
};

struct SignalName {
    std::string_view name;
    int number;
};

constexpr std::array signal_names{
    SignalName{"HUP", SIGHUP},   SignalName{"INT", SIGINT},     SignalName{"QUIT", SIGQUIT},
    SignalName{"ABRT", SIGABRT}, SignalName{"KILL", SIGKILL},   SignalName{"USR1", SIGUSR1},
    SignalName{"SEGV", SIGSEGV}, SignalName{"USR2", SIGUSR2},   SignalName{"PIPE", SIGPIPE},
    SignalName{"ALRM", SIGALRM}, SignalName{"TERM", SIGTERM},   SignalName{"CHLD", SIGCHLD},
    SignalName{"CONT", SIGCONT}, SignalName{"TSTP", SIGTSTP},   SignalName{"TTIN", SIGTTIN},
    SignalName{"TTOU", SIGTTOU}, SignalName{"URG", SIGURG},     SignalName{"XCPU", SIGXCPU},
    SignalName{"PROF", SIGPROF}, SignalName{"WINCH", SIGWINCH}, SignalName{"IO", SIGIO},
    SignalName{"PWR", SIGPWR},   SignalName{"SYS", SIGSYS},     SignalName{"TRAP", SIGTRAP},
};

/// glibc keeps 32 and 33 for itself, so the first that is free is 34; the kernel has 64.
constexpr int realtime_first = 34;
constexpr int signal_last = 64;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool same_ignoring_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [&](char x, char y) { return lower(x) == lower(y); });
}

/// Takes "12.5" off the front of `text` and gives it times `scale`; nothing if there is no number
/// or it is too big.
template <typename FindScale>
std::optional<std::uint64_t> take_scaled(std::string_view& text, FindScale find_scale) {
    const auto whole_end = std::find_if_not(text.begin(), text.end(), is_digit);
    const auto whole = text.substr(0, static_cast<std::size_t>(whole_end - text.begin()));
    text.remove_prefix(whole.size());
    std::string_view fraction;
    if (!text.empty() && text.front() == '.') {
        text.remove_prefix(1);
        const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
        fraction = text.substr(0, static_cast<std::size_t>(end - text.begin()));
        text.remove_prefix(fraction.size());
        if (fraction.empty()) {
            return std::nullopt;
        }
    }
    const auto unit_end =
        std::find_if(text.begin(), text.end(), [](char c) { return is_digit(c) || c == '.'; });
    const auto unit = text.substr(0, static_cast<std::size_t>(unit_end - text.begin()));
    text.remove_prefix(unit.size());
    const std::optional<std::uint64_t> scale = find_scale(unit);
    std::uint64_t number = 0;
    if (!scale ||
        std::from_chars(whole.data(), whole.data() + whole.size(), number).ec != std::errc{} ||
        number > std::numeric_limits<std::uint64_t>::max() / *scale) {
        return std::nullopt;
    }
    std::uint64_t result = number * *scale;
    // From the last digit on, so that 1.5G is exact although a tenth of a G is not whole.
    std::uint64_t part = 0;
    for (auto digit = fraction.rbegin(); digit != fraction.rend(); ++digit) {
        part = (static_cast<std::uint64_t>(*digit - '0') * *scale + part) / 10;
    }
    if (part > std::numeric_limits<std::uint64_t>::max() - result) {
        return std::nullopt;
    }
    result += part;
    return result;
}

std::optional<std::uint64_t> find_duration_unit(std::string_view name) {
    const auto* found = std::find_if(duration_units.begin(), duration_units.end(),
                                     [&](const Unit& unit) { return unit.name == name; });
    return found == duration_units.end() ? std::nullopt : std::optional{found->scale};
}

std::optional<std::uint64_t> find_byte_unit(std::string_view name) {
    const auto* found = std::find_if(byte_units.begin(), byte_units.end(), [&](const Unit& unit) {
        return same_ignoring_case(unit.name, name);
    });
    return found == byte_units.end() ? std::nullopt : std::optional{found->scale};
}

template <typename T>
Parsed<T> parse_whole(std::string_view text, T min, T max) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool all = end == text.data() + text.size() && !text.empty();
    if (error == std::errc::invalid_argument || !all) {
        return Parsed<T>::failure(quoted(text) + " is not a whole number");
    }
    if (error != std::errc{} || value < min || value > max) {
        return Parsed<T>::failure(quoted(text) + " is out of range: " + std::to_string(min) +
                                  " to " + std::to_string(max));
    }
    return Parsed<T>::success(value);
}

/// "TERM", "15", "RTMIN+3"; 0 if there is no such signal.
int signal_number(std::string_view name) {
    constexpr std::string_view realtime = "RTMIN";
    if (!name.empty() && is_digit(name.front())) {
        return static_cast<int>(parse_count(name, 0, signal_last).value);
    }
    if (same_ignoring_case(name.substr(0, realtime.size()), realtime)) {
        const auto offset = name.substr(realtime.size());
        if (offset.empty()) return realtime_first;
        const auto steps = parse_count(offset.substr(1), 0, signal_last - realtime_first);
        const bool good = offset.front() == '+' && steps.ok();
        return good ? realtime_first + static_cast<int>(steps.value) : 0;
    }
    const auto* found =
        std::find_if(signal_names.begin(), signal_names.end(),
                     [&](const SignalName& entry) { return same_ignoring_case(entry.name, name); });
    return found == signal_names.end() ? 0 : found->number;
}

}  // namespace

Parsed<core::Duration> parse_duration(std::string_view text) {
    using Result = Parsed<core::Duration>;
    auto failure = Result::failure(quoted(text) + " is not a duration (like 30, 500ms, 2m, 1h)");
    auto rest = text;
    std::uint64_t total = 0;
    bool first = true;
    while (first || !rest.empty()) {
        // A number without a unit is seconds only when it stands alone: "1m30" is more likely a
        // slip.
        const auto number = take_scaled(rest, [&](std::string_view unit) {
            const bool alone = first && rest.empty();
            return unit.empty() && !alone ? std::nullopt : find_duration_unit(unit);
        });
        constexpr auto max = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
        if (!number || *number > max - total) {
            return failure;
        }
        total += *number;
        first = false;
    }
    return Result::success(core::Duration{static_cast<std::int64_t>(total)});
}

Parsed<std::uint64_t> parse_bytes(std::string_view text) {
    auto rest = text;
    const auto number = take_scaled(rest, find_byte_unit);
    if (!number || !rest.empty()) {
        return Parsed<std::uint64_t>::failure(quoted(text) +
                                              " is not a size (like 512M, 1GiB, 65536)");
    }
    return Parsed<std::uint64_t>::success(*number);
}

Parsed<std::uint64_t> parse_count(std::string_view text, std::uint64_t min, std::uint64_t max) {
    return parse_whole<std::uint64_t>(text, min, max);
}

Parsed<std::int64_t> parse_integer(std::string_view text, std::int64_t min, std::int64_t max) {
    return parse_whole<std::int64_t>(text, min, max);
}

Parsed<bool> parse_bool(std::string_view text) {
    for (const auto* word : {"yes", "true", "on"}) {
        if (same_ignoring_case(text, word)) {
            return Parsed<bool>::success(true);
        }
    }
    for (const auto* word : {"no", "false", "off"}) {
        if (same_ignoring_case(text, word)) {
            return Parsed<bool>::success(false);
        }
    }
    return Parsed<bool>::failure(quoted(text) + " is neither yes nor no");
}

Parsed<int> parse_signal(std::string_view text) {
    auto name = text;
    if (name.size() > 3 && same_ignoring_case(name.substr(0, 3), "SIG")) {
        name.remove_prefix(3);
    }
    const int number = signal_number(name);
    if (number == SIGSTOP || same_ignoring_case(name, "STOP")) {
        return Parsed<int>::failure("STOP cannot end or dump a process");
    }
    if (number <= 0) {
        return Parsed<int>::failure(quoted(text) +
                                    " is not a signal (like TERM, SIGQUIT, 15, RTMIN+3)");
    }
    return Parsed<int>::success(number);
}

Parsed<unsigned> parse_octal(std::string_view text) {
    auto digits = text;
    if (digits.size() > 2 && (digits.substr(0, 2) == "0o" || digits.substr(0, 2) == "0O")) {
        digits.remove_prefix(2);
    }
    unsigned value = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 8);
    if (error != std::errc{} || end != digits.data() + digits.size() || value > 0777) {
        return Parsed<unsigned>::failure(quoted(text) +
                                         " is not a mode in octal (like 0660, at most 0777)");
    }
    return Parsed<unsigned>::success(value);
}

std::string format_duration(core::Duration value) {
    const auto nanoseconds = value.count();
    if (nanoseconds == 0) {
        return "0s";
    }
    for (const auto* unit : {"d", "h", "m", "s", "ms", "us"}) {
        const auto scale = static_cast<std::int64_t>(find_duration_unit(unit).value_or(1));
        // 60s and 90s read better than 1m and 90s side by side.
        const bool small = scale >= 60'000'000'000 && nanoseconds < 2 * scale;
        if (nanoseconds % scale == 0 && !small) {
            return std::to_string(nanoseconds / scale) + unit;
        }
    }
    return std::to_string(nanoseconds) + "ns";
}

std::string format_bytes(std::uint64_t value) {
    for (const auto& [name, scale] :
         {std::pair{"G", kibi * kibi * kibi}, std::pair{"M", kibi * kibi}, std::pair{"K", kibi}}) {
        if (value != 0 && value % scale == 0) {
            return std::to_string(value / scale) + name;
        }
    }
    return std::to_string(value);
}

std::string format_signal(int value) {
    const auto* found =
        std::find_if(signal_names.begin(), signal_names.end(),
                     [&](const SignalName& entry) { return entry.number == value; });
    if (found != signal_names.end()) {
        return std::string{found->name};
    }
    return value >= realtime_first ? "RTMIN+" + std::to_string(value - realtime_first)
                                   : std::to_string(value);
}

std::string format_octal(unsigned value) {
    std::string out;
    for (auto rest = value; rest != 0; rest /= 8) {
        out.insert(out.begin(), static_cast<char>('0' + rest % 8));
    }
    return "0" + out;
}

}  // namespace reeve::config

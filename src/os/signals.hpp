// Names of signals.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace reeve::os {

struct SignalRow {
    int number;
    std::string_view name;  ///< "SIGTERM"
};

/// Every standard signal of this architecture, by number.
[[nodiscard]] std::span<const SignalRow> standard_signals() noexcept;

/// "SIGTERM", "SIGRTMIN+3", "signal 99".
[[nodiscard]] std::string signal_name(int number);

/// "TERM", "SIGTERM", "term", "15", "RTMIN+3"; nullopt for anything else.
[[nodiscard]] std::optional<int> parse_signal(std::string_view text) noexcept;

}  // namespace reeve::os

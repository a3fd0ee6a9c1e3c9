// Single values as people write them: durations, sizes, counts, signals, modes; and back to text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/problem.hpp"
#include "core/time.hpp"

namespace reeve::config {

/// "30" and "30s" are seconds; also ns, us, ms, m, h, d, decimals and sums ("1.5s", "1m30s"). Never
/// negative.
Parsed<core::Duration> parse_duration(std::string_view text);

/// "512", "512M" and "512MiB" (powers of 1024), "512MB" (powers of 1000); also K, G, T.
Parsed<std::uint64_t> parse_bytes(std::string_view text);

/// A whole number in decimal, within the bounds.
Parsed<std::uint64_t> parse_count(std::string_view text, std::uint64_t min, std::uint64_t max);
Parsed<std::int64_t> parse_integer(std::string_view text, std::int64_t min, std::int64_t max);

/// yes, no, true, false, on, off.
Parsed<bool> parse_bool(std::string_view text);

/// "TERM", "SIGTERM", "15", "RTMIN+3". Only signals that a process can act upon or die of.
Parsed<int> parse_signal(std::string_view text);

/// Permission bits in octal: "0660", "660", "0o660"; at most 0777.
Parsed<unsigned> parse_octal(std::string_view text);

std::string format_duration(core::Duration value);
std::string format_bytes(std::uint64_t value);
std::string format_signal(int value);
std::string format_octal(unsigned value);

}  // namespace reeve::config

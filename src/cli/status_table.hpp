// Tables and units for people who read them on a terminal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/summary.hpp"

namespace reeve::cli {

/// "0.4 s", "12 s", "3 min", "5 h", "4 d"; "-" for nothing.
std::string short_span(std::optional<double> seconds);
/// "512 B", "24 MiB", "1.5 GiB"; "-" for nothing.
std::string short_size(std::optional<std::int64_t> bytes);
/// "-" for nothing.
std::string plain(std::optional<std::int64_t> number);
std::string plain(const std::string& text);

/// What others wrote, fit for a terminal: control characters become "?".
std::string harmless(std::string_view text);
/// The same, but lines stay lines.
std::string harmless_lines(std::string_view text);

enum class Tone : std::uint8_t { normal, good, warning, bad, faint };
std::string toned(const std::string& text, Tone tone, const Paint& paint);

struct Cell {
    std::string text;
    Tone tone = Tone::normal;
};

struct Column {
    std::string_view title;
    bool right = false;  ///< for numbers
};

class Table {
public:
    explicit Table(std::vector<Column> columns) : columns_{std::move(columns)} {}
    /// As many cells as columns.
    void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
    /// Two blanks before each column. A column whose cells are all empty is left out.
    [[nodiscard]] std::string text(const Paint& paint) const;

private:
    std::vector<Column> columns_;
    std::vector<std::vector<Cell>> rows_;
};

}  // namespace reeve::cli

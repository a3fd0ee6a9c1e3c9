// Tables and units for people who read them on a terminal.
#include "cli/status_table.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace reeve::cli {

namespace {

std::string one_decimal(double value) {
    const auto tenths = std::lround(value * 10);
    return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

std::string whole(double value) { return std::to_string(std::llround(std::floor(value))); }

/// Characters, not bytes, are what takes room.
std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0U) != 0x80;
    }));
}

}  // namespace

std::string short_span(std::optional<double> seconds) {
    if (!seconds) return "-";
    constexpr double minute = 60;
    constexpr double hour = 60 * minute;
    constexpr double day = 24 * hour;
    const double value = std::max(*seconds, 0.0);
    if (value < 9.95) return one_decimal(value) + " s";
    if (value < 2 * minute) return whole(value) + " s";
    if (value < 2 * hour) return whole(value / minute) + " min";
    if (value < 2 * day) return whole(value / hour) + " h";
    return whole(value / day) + " d";
}

std::string short_size(std::optional<std::int64_t> bytes) {
    if (!bytes) return "-";
    constexpr std::array<const char*, 5> units{" B", " KiB", " MiB", " GiB", " TiB"};
    auto value = static_cast<double>(std::max<std::int64_t>(*bytes, 0));
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < units.size()) {
        value /= 1024;
        ++unit;
    }
    const bool fine = unit > 0 && value < 9.95;
    return (fine ? one_decimal(value) : std::to_string(std::llround(value))) + units.at(unit);
}

std::string plain(std::optional<std::int64_t> number) {
    return number ? std::to_string(*number) : "-";
}

std::string plain(const std::string& text) { return text.empty() ? "-" : harmless(text); }

std::string harmless(std::string_view text) {
    auto out = harmless_lines(text);
    std::replace(out.begin(), out.end(), '\n', '?');
    return out;
}

std::string harmless_lines(std::string_view text) {
    const auto is_control = [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return (byte < 0x20 && c != '\n') || byte == 0x7f;
    };
    std::string out{text};
    std::replace_if(out.begin(), out.end(), is_control, '?');
    return out;
}

std::string toned(const std::string& text, Tone tone, const Paint& paint) {
    switch (tone) {
        case Tone::normal: return text;
        case Tone::good: return paint.green(text);
        case Tone::warning: return paint.yellow(text);
        case Tone::bad: return paint.red(text);
        case Tone::faint: return paint.dim(text);
    }
    return text;
}

std::string Table::text(const Paint& paint) const {
    std::vector<std::size_t> widths(columns_.size());
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        for (const auto& row : rows_) widths[i] = std::max(widths[i], width_of(row[i].text));
        if (widths[i] != 0) widths[i] = std::max(widths[i], width_of(columns_[i].title));
    }
    const auto line_of = [&](const auto& cell_of) {
        std::string line;
        // Blanks come with what follows them: none at the end of a line.
        std::size_t blanks = 0;
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            if (widths[i] == 0) continue;
            const Cell cell = cell_of(i);
            const auto room = widths[i] - width_of(cell.text);
            const bool right = columns_[i].right;
            blanks += 2 + (right ? room : 0);
            if (!cell.text.empty()) {
                line.append(std::exchange(blanks, 0), ' ');
                line += toned(cell.text, cell.tone, paint);
            }
            blanks += right ? 0 : room;
        }
        return line + "\n";
    };
    std::string out = line_of([&](std::size_t i) {
        return Cell{std::string{columns_[i].title}, Tone::faint};
    });
    for (const auto& row : rows_) {
        out += line_of([&](std::size_t i) { return row[i]; });
    }
    return out;
}

}  // namespace reeve::cli

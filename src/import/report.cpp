// What became of each setting of a file that was imported, told for people.
#include "import/report.hpp"

#include <algorithm>
#include <array>

#include "config/words.hpp"

namespace reeve::imports {

namespace {

constexpr std::size_t width = 96;
constexpr std::size_t label_max = 34;
constexpr std::size_t value_max = 60;

std::string shortened(const std::string& value) {
    return value.size() <= value_max ? value : value.substr(0, value_max) + "...";
}

void add_wrapped(std::string& out, const std::string& text, std::size_t indent) {
    for (const auto& line : config::wrap(text, width - indent)) {
        out += std::string(indent, ' ') + line + "\n";
    }
}

void add_entry(std::string& out, const Entry& entry) {
    std::string label = entry.setting;
    if (!entry.value.empty()) label += " = " + shortened(entry.value);
    std::string line = "  " + label;
    if (!entry.becomes.empty()) {
        line.resize(std::max(line.size(), label_max), ' ');
        line += "  -> " + entry.becomes;
    }
    if (!entry.from.empty()) line += "  (" + entry.from + ")";
    out += line + "\n";
    add_wrapped(out, entry.note, 6);
}

}  // namespace

std::string_view name_of(Fate fate) {
    switch (fate) {
        case Fate::carried: return "carried over";
        case Fate::different: return "meant differently";
        case Fate::none: return "without counterpart";
    }
    return {};
}

std::string show_report(const Report& report) {
    std::string out = report.source + "\n";
    for (const auto fate : {Fate::carried, Fate::different, Fate::none}) {
        const auto is_it = [&](const Entry& entry) { return entry.fate == fate; };
        const auto count = std::count_if(report.entries.begin(), report.entries.end(), is_it);
        if (count == 0) continue;
        out += "\n" + std::string{name_of(fate)} + ": " + std::to_string(count) + "\n";
        for (const auto& entry : report.entries) {
            if (is_it(entry)) add_entry(out, entry);
        }
    }
    if (!report.signals.empty()) out += "\nsignals\n";
    for (const auto& row : report.signals) {
        out += "  " + std::string{row.name} + ": " + std::string{row.before} + "\n";
        add_wrapped(out, std::string{row.now}, 6);
    }
    if (!report.notes.empty()) out += "\nbefore the first start\n";
    for (const auto& note : report.notes) {
        std::string lines;
        add_wrapped(lines, note, 4);
        lines.replace(2, 1, "-");
        out += lines;
    }
    return out;
}

}  // namespace reeve::imports

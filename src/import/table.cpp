// The tables of translation as the pages have them.
#include "import/table.hpp"

#include <span>
#include <string_view>

#include "import/gunicorn.hpp"
#include "import/supervisord.hpp"

namespace reeve::imports {

namespace {

std::string in_code(std::string_view text) { return "`" + std::string{text} + "`"; }

/// "-w|--workers" as two flags in code.
std::string flags_of(std::string_view flags) {
    std::string out;
    while (!flags.empty()) {
        const auto end = std::min(flags.find('|'), flags.size());
        out += (out.empty() ? "" : " ") + in_code(flags.substr(0, end));
        flags.remove_prefix(std::min(end + 1, flags.size()));
    }
    return out;
}

std::string signal_table(std::span<const SignalRow> rows, const std::string& whose) {
    std::string out = "| signal | to " + whose + " | with reeve |\n|---|---|---|\n";
    for (const auto& row : rows) {
        out += "| " + std::string{row.name} + " | " + std::string{row.before} + " | " +
               std::string{row.now} + " |\n";
    }
    return out;
}

}  // namespace

std::string supervisord_table() {
    std::string out = "| section | key | what becomes of it | |\n|---|---|---|---|\n";
    for (const auto& key : supervisord_keys()) {
        const bool one = key.section == "supervisord";
        out += "| " + in_code("[" + std::string{key.section} + (one ? "]" : ":x]")) + " | " +
               in_code(key.name) + " | " + std::string{name_of(key.fate)};
        if (!key.becomes.empty()) out += ": " + in_code(key.becomes);
        out += " | " + std::string{key.note} + " |\n";
    }
    out += "\n| section | |\n|---|---|\n";
    for (const auto& section : supervisord_sections()) {
        out += "| " + in_code("[" + std::string{section.name} + "]") + " | " +
               std::string{section.note} + " |\n";
    }
    return out;
}

std::string gunicorn_table() {
    std::string out = "| setting | flag | what becomes of it | |\n|---|---|---|---|\n";
    for (const auto& setting : gunicorn_settings()) {
        out += "| " + in_code(setting.name) + " | " + flags_of(setting.flags) + " | " +
               std::string{name_of(setting.fate)};
        if (!setting.becomes.empty()) out += ": " + in_code(setting.becomes);
        out += " | " + std::string{setting.note} + " |\n";
    }
    return out + "\n" + signal_table(gunicorn_signals(), "gunicorn");
}

}  // namespace reeve::imports

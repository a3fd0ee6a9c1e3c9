// What became of each setting of a file that was imported, told for people and for programs.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace reeve::imports {

/// What became of a setting.
enum class Fate {
    carried,    ///< reeve does the same
    different,  ///< reeve does something near; the note says what differs
    none,       ///< reeve has nothing like it; the note says what to do
};

/// "carried over", "meant differently", "without counterpart".
std::string_view name_of(Fate fate);

/// One setting that was set, or a default that matters.
struct Entry {
    std::string setting;
    std::string value;
    std::string from;  ///< "gunicorn.conf.py:12", "command line", "default"
    Fate fate = Fate::carried;
    std::string becomes;  ///< what was written; may be empty
    std::string note;
};

/// What a signal to the old master did, and how that is done with reeve.
struct SignalRow {
    std::string_view name;
    std::string_view before;
    std::string_view now;
};

struct Report {
    std::string source;  ///< what was read
    std::vector<Entry> entries;
    std::vector<std::string> notes;  ///< what deserves a look before the first start
    std::span<const SignalRow> signals{};

    void add(Entry entry) { entries.push_back(std::move(entry)); }
};

std::string show_report(const Report& report);

/// One JSON object: {"source", "settings": [...], "notes": [...], "signals": [...]}.
std::string report_json(const Report& report);

}  // namespace reeve::imports

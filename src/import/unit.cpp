// The service of systemd that ran the old manager.
#include "import/unit.hpp"

#include <algorithm>
#include <array>

#include "config/programs.hpp"
#include "config/words.hpp"
#include "import/env_file.hpp"

namespace reeve::imports {

namespace {

using Result = config::Parsed<Unit>;

constexpr std::string_view has_own = "reeve.service has its own.";

/// Lines of [Service], and what becomes of them.
struct Row {
    std::string_view key;
    Fate fate = Fate::carried;
    std::string_view becomes{};
    std::string_view note{};
};
constexpr std::array rows{
    Row{"ExecStart", Fate::carried, "command"},
    Row{"WorkingDirectory", Fate::carried, "cwd"},
    Row{"User", Fate::carried, "user"},
    Row{"Group", Fate::carried, "group"},
    Row{"UMask", Fate::carried, "umask"},
    Row{"LimitNOFILE", Fate::carried, "rlimits.nofile"},
    Row{"Environment", Fate::carried, "env"},
    Row{"EnvironmentFile", Fate::carried, "env_file"},
    Row{"Type", Fate::carried, "", has_own},
    Row{"NotifyAccess", Fate::carried, "", has_own},
    Row{"ExecReload", Fate::carried, "", has_own},
    Row{"ExecStop", Fate::carried, "", has_own},
    Row{"KillMode", Fate::carried, "", has_own},
    Row{"KillSignal", Fate::carried, "", has_own},
    Row{"Restart", Fate::carried, "", has_own},
    Row{"RestartSec", Fate::carried, "", has_own},
    Row{"TimeoutStopSec", Fate::carried, "", has_own},
    Row{"TimeoutStartSec", Fate::carried, "", has_own},
    Row{"PIDFile", Fate::carried, "", has_own},
    Row{"ExecStartPre", Fate::different, "before_start",
        "A command of the pool, run before each start and reload."},
};

/// A logical line: backslashes at the ends of lines join them.
std::string next_line(std::string_view& text, std::size_t& number) {
    std::string out;
    bool more = true;
    while (more && !text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        auto line = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        ++number;
        if (line.starts_with('#') || line.starts_with(';')) continue;
        more = line.ends_with('\\');
        if (more) line.remove_suffix(1);
        out += (out.empty() ? "" : " ") + std::string{trimmed(line)};
    }
    return out;
}

/// "$NAME" and "${NAME}" by what the unit itself sets, and "%%".
std::string expanded(std::string word, const Unit& unit) {
    for (const auto& [name, value] : unit.environment) {
        for (const auto& form : {"${" + name + "}", "$" + name}) {
            if (form[1] != '{' && word != form) continue;
            const auto at = word.find(form);
            if (at != std::string::npos) word.replace(at, form.size(), value);
        }
    }
    for (auto at = word.find("%%"); at != std::string::npos; at = word.find("%%", at + 1)) {
        word.erase(at, 1);
    }
    return word;
}

/// Takes a line over. What it says that cannot be read.
std::string take(Unit& unit, const std::string& key, const std::string& value) {
    if (key == "User") unit.user = value;
    if (key == "Group") unit.group = value;
    if (key == "UMask") unit.umask = value;
    if (key == "LimitNOFILE") unit.nofile = value.substr(value.find(':') + 1);
    if (key == "WorkingDirectory") {
        unit.cwd = value.starts_with('-') ? value.substr(1) : value;
        if (!unit.cwd.starts_with('/')) return "is no absolute path";
    }
    if (key == "EnvironmentFile") {
        if (value.empty()) unit.environment_files.clear();
        if (!value.empty()) unit.environment_files.push_back(value);
    }
    if (key == "Environment" && value.empty()) unit.environment.clear();
    if (key != "Environment" && key != "ExecStart") return {};
    const auto begin = key == "ExecStart" ? value.find_first_not_of("@-:+!|") : 0;
    const auto words = config::split_command(begin == std::string::npos ? "" : value.substr(begin));
    if (!words.ok()) return words.error;
    if (key == "ExecStart") {
        unit.command = words.value;
        return {};
    }
    for (const auto& word : words.value) {
        const auto equals = word.find('=');
        if (equals == std::string::npos || equals == 0) return "is no list of NAME=VALUE";
        unit.environment.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    }
    return {};
}

Entry entry_of(const std::string& key, const std::string& value, const std::string& place) {
    const auto row =
        std::find_if(rows.begin(), rows.end(), [&](const Row& one) { return one.key == key; });
    Entry out{key,
              key == "Environment" ? "..." : value,
              place,
              Fate::different,
              "",
              "A line for a drop-in of reeve's own unit, where it is still wanted: `systemctl edit "
              "reeve`. What it forbids, it forbids the workers too."};
    if (row != rows.end()) {
        out.fate = row->fate;
        out.becomes = row->becomes;
        out.note = row->note;
    }
    return out;
}

}  // namespace

Result read_unit(std::string_view text, const std::string& file) {
    Unit out;
    bool service = false;
    std::size_t number = 0;
    while (!text.empty()) {
        const auto line = next_line(text, number);
        const auto place = file + ":" + std::to_string(number);
        if (line.empty()) continue;
        if (line.front() == '[') {
            service = line == "[Service]";
            continue;
        }
        const auto equals = line.find('=');
        if (equals == std::string::npos) return Result::failure(place + ": is no KEY=VALUE");
        if (!service) continue;
        const std::string key{trimmed(line.substr(0, equals))};
        const std::string value{trimmed(std::string_view{line}.substr(equals + 1))};
        if (const auto error = take(out, key, value); !error.empty()) {
            return Result::failure(place + ": " + key + " " + error);
        }
        if (!value.empty()) out.entries.push_back(entry_of(key, value, place));
    }
    for (auto& word : out.command) word = expanded(std::move(word), out);
    auto unwrapped = config::unwrap(out.command);
    const auto* program = config::find_program(unwrapped.command);
    if (program == nullptr || program->title != "gunicorn") {
        return Result::failure(file + ": ExecStart runs no gunicorn");
    }
    out.command = std::move(unwrapped.command);
    return Result::success(std::move(out));
}

}  // namespace reeve::imports

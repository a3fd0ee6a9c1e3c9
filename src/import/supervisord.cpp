// From supervisord's files to a configuration of reeve.
#include "import/supervisord.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "config/words.hpp"
#include "import/supervisord_program.hpp"

namespace reeve::imports {

namespace {

namespace fs = std::filesystem;
using Result = config::Parsed<Imported>;

constexpr std::size_t files_max = 1000;

class Translation {
public:
    explicit Translation(const Supervisord& from) : from_{from} {
        surroundings_.percent.names = {{"here", fs::path{from.file}.parent_path().string()},
                                       {"host_node_name", from.host}};
    }

    Result run() {
        if (auto error = read_all(); !error.empty()) return Result::failure(error);
        if (auto error = take_supervisord(); !error.empty()) return Result::failure(error);
        for (const auto& section : sections_) {
            if (auto error = take(section); !error.empty()) return Result::failure(error);
        }
        order_by_priority();
        const bool any = std::any_of(out_.draft.pools.begin(), out_.draft.pools.end(),
                                     [](const PoolDraft& pool) { return !pool.disabled; });
        if (!any) return Result::failure(from_.file + ": no program that supervisord starts");
        out_.report.source = from_.file;
        out_.draft.comment = "Made from " + from_.file +
                             " by `reeve import supervisord`. `reeve check -c FILE` validates it, "
                             "`reeve config --reference` explains every option.";
        const auto yaml = show_draft(out_.draft);
        if (yaml.find("${") != std::string::npos) {
            out_.report.notes.emplace_back(
                "%(ENV_X)s has become ${X}, which reeve takes from its own environment: the unit's "
                "Environment= and EnvironmentFile=.");
        }
        out_.report.notes.emplace_back(
            "For a program that serves connections `reeve explain -- COMMAND` says how it gets its "
            "sockets from reeve, so that no reload loses a request; for gunicorn there is `reeve "
            "import gunicorn`.");
        return Result::success(std::move(out_));
    }

private:
    /// The file and those that it includes.
    std::string read_all() {
        auto error = read_one(from_.file);
        if (!error.empty()) return error;
        const auto include = std::find_if(sections_.begin(), sections_.end(),
                                          [](const auto& one) { return one.name == "include"; });
        const auto* patterns = include == sections_.end() ? nullptr : include->find("files");
        if (patterns == nullptr) return {};
        const auto expanded = surroundings_.percent.expand(patterns->value);
        if (!expanded.ok()) return patterns->place + ": files " + expanded.error;
        const auto words = config::split_command(expanded.value.text);
        if (!words.ok()) return patterns->place + ": files " + words.error;
        const auto here = fs::path{from_.file}.parent_path();
        std::size_t count = 0;
        for (const auto& word : words.value) {
            for (const auto& path : from_.files.find((here / word).string())) {
                if (++count > files_max) return patterns->place + ": includes too many files";
                error = read_one(path);
                if (!error.empty()) return error;
            }
        }
        return {};
    }

    std::string read_one(const std::string& path) {
        const auto text = from_.files.read(path);
        if (!text.ok()) return path + ": " + text.error;
        const auto here = fs::path{from_.file}.parent_path();
        auto sections = read_ini(text.value, fs::path{path}.lexically_relative(here).string());
        if (!sections.ok()) return sections.error;
        merge_ini(sections_, std::move(sections.value));
        return {};
    }

    std::string take_supervisord() {
        const auto section = std::find_if(sections_.begin(), sections_.end(), [](const auto& one) {
            return one.name == "supervisord";
        });
        if (section == sections_.end()) return {};
        for (const auto& entry : section->entries) {
            report_key("supervisord", "supervisord", entry);
            const auto text = surroundings_.percent.expand(entry.value);
            if (!text.ok()) return entry.place + ": " + entry.key + " " + text.error;
            if (entry.key == "loglevel") {
                const auto& level = text.value.text;
                const bool low = level == "trace" || level == "blather";
                out_.draft.log.set("level", yaml_scalar(low ? Text{"debug"} : text.value));
            } else if (entry.key == "environment") {
                auto read = read_environment(entry.value, surroundings_.percent);
                if (!read.ok()) return entry.place + ": environment " + read.error;
                surroundings_.environment = std::move(read.value);
            } else if (entry.key == "user" || entry.key == "umask" || entry.key == "directory") {
                surroundings_.defaults[entry.key] = text.value;
            }
        }
        return {};
    }

    std::string take(const IniSection& section) {
        const auto colon = section.name.find(':');
        const auto kind = section.name.substr(0, colon);
        if (kind == "program" || kind == "fcgi-program") {
            const auto name = colon == std::string::npos ? "" : section.name.substr(colon + 1);
            if (name.empty()) return section.place + ": [" + section.name + "] names no program";
            for (const auto& entry : section.entries) report_key(kind, section.name, entry);
            auto program = translate_program(section, kind, name, surroundings_);
            if (!program.error.empty()) return program.error;
            for (auto& entry : program.entries) out_.report.add(std::move(entry));
            for (auto& pool : program.pools) {
                while (!names_.insert(pool.name).second) pool.name += "_";
                priorities_[pool.name] = program.priority;
                out_.draft.pools.push_back(std::move(pool));
            }
            return {};
        }
        if (kind == "supervisord") return {};
        const auto rows = supervisord_sections();
        const auto row = std::find_if(rows.begin(), rows.end(),
                                      [&](const auto& one) { return one.name == kind; });
        out_.report.add({"[" + section.name + "]", "", section.place, Fate::none, "",
                         row == rows.end() ? "No section of supervisord: it ignored it."
                                           : std::string{row->note}});
        return {};
    }

    void report_key(const std::string& kind, const std::string& section, const IniEntry& entry) {
        const auto* key = find_supervisord_key(kind, entry.key);
        const bool secret = entry.key == "environment";
        Entry told{section + "." + entry.key,
                   secret ? "..." : entry.value,
                   entry.place,
                   Fate::none,
                   "",
                   "No key of supervisord: it ignored it."};
        if (key != nullptr) {
            told.fate = key->fate;
            told.becomes = key->becomes;
            told.note = key->note;
        }
        if (entry.key == "autostart" && is_yes(entry.value)) {
            told = {told.setting, told.value, told.from, Fate::carried, "", ""};
        } else if (entry.key == "autorestart" && is_yes(entry.value)) {
            told.becomes = {};
            told.note = "Workers are always replaced.";
        } else if (entry.key == "autorestart" && entry.value != "unexpected") {
            told.fate = Fate::different;
            told.becomes = {};
        }
        std::replace(told.value.begin(), told.value.end(), '\n', ' ');
        out_.report.add(std::move(told));
    }

    /// Each pool after all of the next lower number, where somebody has set one.
    void order_by_priority() {
        std::map<int, std::vector<Text>> levels;
        bool any = false;
        for (const auto& pool : out_.draft.pools) {
            const auto& priority = priorities_[pool.name];
            any |= priority.has_value();
            if (!pool.disabled) levels[priority.value_or(default_priority)].push_back({pool.name});
        }
        if (!any) return;
        for (auto& pool : out_.draft.pools) {
            const auto here = levels.find(priorities_[pool.name].value_or(default_priority));
            if (pool.disabled || here == levels.end() || here == levels.begin()) continue;
            pool.options.set("after", yaml_list(std::prev(here)->second));
        }
    }

    static constexpr int default_priority = 999;

    const Supervisord& from_;
    std::vector<IniSection> sections_;
    Surroundings surroundings_;
    std::map<std::string, std::optional<int>> priorities_;
    std::set<std::string> names_;
    Imported out_;
};

}  // namespace

Result translate(const Supervisord& supervisord) { return Translation{supervisord}.run(); }

}  // namespace reeve::imports

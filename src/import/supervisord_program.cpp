// One program of supervisord as one or more pools.
#include "import/supervisord_program.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

#include "config/values.hpp"
#include "config/words.hpp"

namespace reeve::imports {

namespace {

constexpr std::uint64_t pools_max = 64;
constexpr int priority_max = 1'000'000;

/// Options that only need another name.
struct Same {
    std::string_view key;
    std::string_view option;
};
constexpr std::array same{
    Same{"stopsignal", "stop_signal"},
    Same{"stopwaitsecs", "graceful_timeout"},
    Same{"startretries", "give_up_after"},
    Same{"user", "user"},
    Same{"umask", "umask"},
    Same{"directory", "cwd"},
};

class Translation {
public:
    Translation(const IniSection& section, bool fcgi, const std::string& name,
                const Surroundings& surroundings)
        : section_{section},
          fcgi_{fcgi},
          name_{name},
          surroundings_{surroundings},
          percent_{surroundings.percent} {}

    Program run() {
        percent_.names["program_name"] = name_;
        percent_.names["group_name"] = name_;
        percent_.process_number = "{slot}";
        if (section_.find("command") == nullptr) {
            out_.error = section_.place + ": [" + section_.name + "] has no command";
            return std::move(out_);
        }
        const auto count = text_of("numprocs", "1");
        percent_.names["numprocs"] = count.text;
        if (must_split()) {
            split(count);
        } else {
            make_pool(name_, count);
        }
        take_priority();
        take_defaults();
        return std::move(out_);
    }

private:
    void fail(const IniEntry& entry, const std::string& why) {
        if (out_.error.empty()) out_.error = entry.place + ": " + entry.key + " " + why;
    }

    Text text_of(std::string_view key, const char* fallback) {
        const auto* entry = section_.find(key);
        if (entry == nullptr) return {fallback};
        auto text = percent_.expand(entry->value);
        if (!text.ok()) fail(*entry, text.error);
        return std::move(text.value);
    }

    /// {slot} cannot say it: another start, leading zeros, or a place where there are no slots.
    [[nodiscard]] bool must_split() const {
        const auto* start = section_.find("numprocs_start");
        bool used = false;
        for (const auto& entry : section_.entries) {
            if (entry.key == "process_name" || entry.key.find("logfile") != std::string::npos) {
                continue;
            }
            const bool here = entry.value.find("%(process_num)") != std::string::npos;
            used |= here;
            const bool has_slots = entry.key == "command" || entry.key == "environment";
            if (here && (!has_slots || pads_number(entry.value))) return true;
        }
        return used && start != nullptr && start->value != "0";
    }

    /// A pool for each process.
    void split(const Text& count) {
        const auto start = config::parse_count(text_of("numprocs_start", "0").text, 0, 1'000'000);
        const auto number = config::parse_count(count.text, 1, pools_max);
        if (!number.ok() || !start.ok()) {
            const auto* entry = section_.find(start.ok() ? "numprocs" : "numprocs_start");
            const auto& why = start.ok() ? number.error : start.error;
            return fail(entry == nullptr ? section_.entries.front() : *entry, why);
        }
        for (std::uint64_t i = 0; i < number.value; ++i) {
            percent_.process_number = std::to_string(start.value + i);
            const bool one = number.value == 1;
            make_pool(one ? name_ : name_ + "-" + percent_.process_number, {"1"});
        }
    }

    void make_pool(const std::string& name, const Text& count) {
        PoolDraft pool;
        pool.name = pool_name(name);
        pool.comment = "[" + section_.name + "]";
        pool.options.set("workers", yaml_scalar(count));
        take_command(pool);
        if (fcgi_) take_socket(pool);
        for (const auto& [key, option] : same) {
            const auto* entry = section_.find(key);
            const auto common = surroundings_.defaults.find(std::string{key});
            const bool is_common = entry == nullptr && common != surroundings_.defaults.end();
            if (entry == nullptr && !is_common) continue;
            auto text = is_common ? common->second : text_of(key, "");
            if (key == "directory" && !text.variables) {
                const auto here = surroundings_.percent.names.at("here");
                text.text = (std::filesystem::path{here} / text.text).lexically_normal().string();
            }
            if (key == "startretries" && text.text == "0") text.text = "1";
            pool.options.set(std::string{option}, yaml_scalar(text));
        }
        if (section_.find("startsecs") != nullptr) {
            const auto seconds = yaml_scalar(text_of("startsecs", ""));
            pool.options.set("ready_after", seconds);
            pool.options.set("stable_after", seconds);
        }
        take_restart(pool);
        take_environment(pool);
        const auto* autostart = section_.find("autostart");
        if (autostart != nullptr && !is_yes(autostart->value)) {
            if (!pool.disabled)
                pool.comment += ", which is not started by itself: autostart is false";
            pool.disabled = true;
        }
        out_.pools.push_back(std::move(pool));
    }

    void take_command(PoolDraft& pool) {
        const auto* entry = section_.find("command");
        const auto text = text_of("command", "");
        auto words = config::split_command(text.text);
        if (!words.ok()) return fail(*entry, words.error);
        if (words.value.empty()) return fail(*entry, "is empty");
        if (fcgi_) words.value = with_socket(std::move(words.value));
        for (auto& word : words.value) pool.command.emplace_back(std::move(word), text.variables);
    }

    /// The number in the place of 0; else a shell moves the socket there.
    static std::vector<std::string> with_socket(std::vector<std::string> words) {
        constexpr auto number = "{fd:web}";
        for (std::size_t i = 1; i < words.size(); ++i) {
            const bool after_flag = words[i] == "0" && words[i - 1] == "--fd";
            if (after_flag) words[i] = number;
            if (words[i] == "--fd=0") words[i] = std::string{"--fd="} + number;
            const auto at = words[i].find("fd://0");
            if (at != std::string::npos) words[i].replace(at + 5, 1, number);
            if (words[i].find(number) != std::string::npos) return words;
        }
        std::string line = "exec";
        for (const auto& word : words) line += " " + config::shell_word(word);
        return {"/bin/sh", "-c", line + " <&" + number + " " + number + "<&-"};
    }

    void take_socket(PoolDraft& pool) {
        const auto* entry = section_.find("socket");
        if (entry == nullptr) {
            out_.error = section_.place + ": [" + section_.name + "] has no socket";
            return;
        }
        auto socket = text_of("socket", "");
        std::vector<std::string> parts;
        const bool local = socket.text.starts_with("unix://");
        if (local) socket.text.erase(5, 2);
        if (!local && !socket.text.starts_with("tcp://")) {
            return fail(*entry, "is neither tcp://HOST:PORT nor unix:///PATH");
        }
        if (section_.find("socket_backlog") != nullptr) {
            parts.push_back("backlog: " + yaml_scalar(text_of("socket_backlog", "")));
        }
        if (local) {
            parts.push_back("mode: " + yaml_scalar(text_of("socket_mode", "0700")));
            const auto owner = text_of("socket_owner", section_.find("user") != nullptr
                                                           ? section_.find("user")->value.c_str()
                                                           : "");
            const auto colon = owner.text.find(':');
            const auto user = owner.text.substr(0, colon);
            if (!user.empty()) parts.push_back("owner: " + yaml_scalar({user, owner.variables}));
            if (colon != std::string::npos) {
                const Text group{owner.text.substr(colon + 1), owner.variables};
                parts.push_back("group: " + yaml_scalar(group));
            }
        }
        auto yaml = yaml_list({socket});
        yaml = yaml.substr(1, yaml.size() - 2);
        if (!parts.empty()) yaml = "{address: " + yaml + ", " + config::join(parts) + "}";
        pool.options.set("listen", "\n      web: " + yaml);
    }

    void take_restart(PoolDraft& pool) {
        const auto* restart = section_.find("autorestart");
        const auto* codes = section_.find("exitcodes");
        const std::string value = restart == nullptr ? "unexpected" : restart->value;
        if (value == "unexpected") {
            if (restart == nullptr && codes == nullptr) return;
            std::vector<Text> list;
            auto text = text_of("exitcodes", "0").text;
            std::replace(text.begin(), text.end(), ',', ' ');
            for (const auto& code : config::split_command(text).value) {
                if (!config::parse_count(code, 0, 255).ok()) {
                    return fail(codes == nullptr ? *restart : *codes, "has no list of exit codes");
                }
                list.emplace_back(code);
            }
            if (!list.empty()) pool.options.set("fatal_exit_codes", yaml_list(list));
        } else if (!is_yes(value)) {
            pool.disabled = true;
            pool.comment +=
                ", which is no service: autorestart is false; before_start of another "
                "pool, or a unit of its own, suits it";
        }
    }

    void take_environment(PoolDraft& pool) {
        auto all = surroundings_.environment;
        if (const auto* entry = section_.find("environment")) {
            auto own = read_environment(entry->value, percent_);
            if (!own.ok()) return fail(*entry, own.error);
            for (auto& [key, value] : own.value) {
                const auto& name = key;
                const auto there = std::find_if(all.begin(), all.end(),
                                                [&](const auto& one) { return one.first == name; });
                if (there == all.end()) {
                    all.emplace_back(key, std::move(value));
                } else {
                    there->second = std::move(value);
                }
            }
        }
        if (!all.empty()) pool.options.set("env", yaml_map(all));
    }

    void take_priority() {
        const auto* entry = section_.find("priority");
        if (entry == nullptr) return;
        const auto number = config::parse_integer(entry->value, -priority_max, priority_max);
        if (!number.ok()) return fail(*entry, number.error);
        out_.priority = static_cast<int>(number.value);
    }

    void take_defaults() {
        const auto add = [&](const char* key, const char* value, const char* note) {
            if (section_.find(key) != nullptr) return;
            out_.entries.push_back(
                {section_.name + "." + key, value, "default", Fate::different, "", note});
        };
        add("stopwaitsecs", "10", "reeve's graceful_timeout is 30 seconds.");
        add("autorestart", "unexpected",
            "supervisord starts none again that ended with code 0; reeve does. fatal_exit_codes: "
            "[0] has it as it was.");
    }

    const IniSection& section_;
    bool fcgi_;
    const std::string& name_;
    const Surroundings& surroundings_;
    Percent percent_;
    Program out_;
};

}  // namespace

bool is_yes(const std::string& text) {
    static constexpr std::array<std::string_view, 6> words{"true", "t", "yes", "y", "on", "1"};
    return std::find(words.begin(), words.end(), text) != words.end();
}

config::Parsed<EnvironmentList> read_environment(const std::string& text, const Percent& percent) {
    using Result = config::Parsed<EnvironmentList>;
    constexpr std::string_view between = " \t\n,";
    EnvironmentList out;
    std::string_view rest{text};
    for (;;) {
        rest.remove_prefix(std::min(rest.find_first_not_of(between), rest.size()));
        if (rest.empty()) return Result::success(std::move(out));
        const auto equals = rest.find('=');
        if (equals == std::string_view::npos || equals == 0) {
            return Result::failure("is no list of KEY=VALUE");
        }
        std::string key{rest.substr(0, equals)};
        key.erase(key.find_last_not_of(" \t\n") + 1);
        rest.remove_prefix(equals + 1);
        rest.remove_prefix(std::min(rest.find_first_not_of(" \t\n"), rest.size()));
        std::string value;
        while (!rest.empty() && rest.front() != ',' && rest.front() != '\n') {
            const char quote = rest.front() == '"' || rest.front() == '\'' ? rest.front() : '\0';
            const auto end = quote != '\0' ? rest.find(quote, 1) : rest.find_first_of(",\n\"'");
            if (quote != '\0' && end == std::string_view::npos) {
                return Result::failure("has a quote that does not end");
            }
            const std::size_t begin = quote != '\0' ? 1 : 0;
            value += rest.substr(begin, end == std::string_view::npos ? end : end - begin);
            rest.remove_prefix(
                std::min(end == std::string_view::npos ? end : end + begin, rest.size()));
        }
        auto expanded = percent.expand(value);
        if (!expanded.ok()) return Result::failure(expanded.error);
        out.emplace_back(std::move(key), std::move(expanded.value));
    }
}

Program translate_program(const IniSection& section, const std::string& kind,
                          const std::string& name, const Surroundings& surroundings) {
    return Translation{section, kind == "fcgi-program", name, surroundings}.run();
}

}  // namespace reeve::imports

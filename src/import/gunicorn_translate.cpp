// From Gunicorn's settings to a configuration of reeve and a report.
#include <algorithm>
#include <filesystem>

#include "config/values.hpp"
#include "config/words.hpp"
#include "import/gunicorn.hpp"
#include "import/gunicorn_command.hpp"
#include "import/gunicorn_sockets.hpp"

namespace reeve::imports {

namespace {

using Result = config::Parsed<Imported>;
using Kind = Value::Kind;

constexpr unsigned mode_max = 0777;
/// A short name is near too many others to be taken for a typing error.
constexpr std::size_t short_name = 6;

class Translation {
public:
    explicit Translation(const Gunicorn& from)
        : from_{from}, given_{winners(from)}, command_{choose_gunicorn_command(from, given_)} {}

    Result run() {
        if (!command_.error.empty()) return Result::failure(command_.error);
        pool_.name = "web";
        pool_.command = command_.command;
        take_unit();
        for (const auto& given : given_) take(given);
        take_defaults();
        write_sockets();
        write_rest();
        explain();
        if (!error_.empty()) return Result::failure(error_);
        return Result::success(std::move(out_));
    }

private:
    [[nodiscard]] const Given* find(std::string_view name) const {
        const auto found = std::find_if(given_.begin(), given_.end(), [&](const Given& given) {
            return given.setting->name == name && given.value.kind != Kind::nothing;
        });
        return found == given_.end() ? nullptr : &*found;
    }

    void fail(const Given& given, const std::string& why) {
        if (error_.empty()) {
            error_ = given.from + ": " + std::string{given.setting->name} + " " + why;
        }
    }

    /// The text of a setting, with its variables where it has some.
    static Text text_of(const Given& given) {
        if (!given.with.empty()) return {given.with.front(), true};
        return {given.value.text};
    }

    /// Writes a number, or `zero` for 0.
    void write_number(const Given& given, Entry& entry, const std::string& unit,
                      const std::string& zero) {
        const auto key = std::string{given.setting->name};
        const auto number = config::parse_duration(given.value.text);
        if (!number.ok()) return fail(given, "is no number: " + config::quoted(given.value.text));
        const auto plain = given.value.text == "0" ? zero : given.value.text + unit;
        const auto yaml = given.with.empty() ? plain : yaml_scalar(text_of(given));
        pool_.options.set(key, yaml);
        entry.becomes = key + ": " + yaml;
    }

    /// What the service of systemd says beside the command line.
    void take_unit() {
        const auto& unit = from_.unit;
        for (const auto& entry : unit.entries) out_.report.add(entry);
        for (const auto& [name, value] : unit.environment) env_.emplace_back(name, Text{value});
        if (!unit.nofile.empty()) {
            pool_.options.set("rlimits", "{nofile: " + yaml_scalar({unit.nofile}) + "}");
        }
        if (unit.environment_files.empty()) return;
        const auto& file = unit.environment_files.front();
        pool_.options.set("env_file", yaml_scalar({file.substr(file.starts_with('-') ? 1 : 0)}));
        if (unit.environment_files.size() == 1) return;
        out_.report.notes.emplace_back(
            "A pool has one env_file: put the variables of the other "
            "EnvironmentFile= lines into it, or into env.");
    }

    void take(const Given& given) {
        const auto& setting = *given.setting;
        auto entry = command_.entry_of(given);
        const auto& name = setting.name;
        if (given.value.kind == Kind::nothing) {
            entry.becomes = {};
            entry.fate = Fate::carried;
            entry.note = "None is gunicorn's own default.";
        } else if (name == "workers") {
            take_workers(given, entry);
        } else if (name == "timeout" || name == "graceful_timeout") {
            write_number(given, entry, "s", name == "timeout" ? "off" : "0s");
        } else if (name == "max_requests" || name == "max_requests_jitter") {
            write_number(given, entry, "", "off");
        } else if (name == "user" || name == "group") {
            entry.becomes = std::string{name} + ": " + yaml_scalar(text_of(given));
            pool_.options.set(std::string{name}, yaml_scalar(text_of(given)));
        } else if (name == "statsd_host" || name == "enable_backlog_metric") {
            if (!entry.becomes.empty()) out_.draft.metrics.set("listen", "127.0.0.1:9101");
        } else if (name == "umask") {
            take_umask(given, entry);
        } else if (name == "raw_env") {
            take_environment(given, entry);
        } else if (name == "bind") {
            entry.becomes =
                "listen: " + (given.with.empty() ? given.value.text : config::join(given.with));
            entry.note = {};
        } else if (name == "backlog") {
            entry.becomes = "listen.backlog: " + text_of(given).text;
        } else if (name == "loglevel") {
            out_.draft.log.set("level", yaml_scalar(log_level_of(given)));
        } else if (name == "pythonpath" && command_.uvicorn) {
            env_.emplace_back("PYTHONPATH", pythonpath(given.value.text));
        }
        note_dependencies(given, entry);
        if (given.from != from_the_unit) out_.report.add(std::move(entry));
    }

    void take_workers(const Given& given, Entry& entry) {
        std::string comment;
        entry.note = {};
        if (given.formula == "2 x CPUs + 1") {
            comment = "auto = 2 x CPUs + 1, as it was, of the CPUs that the container may use.";
            entry.note = comment;
        } else if (given.cpus) {
            entry.fate = Fate::different;
            entry.note = (given.formula.empty() ? "It depends on the number of CPUs"
                                                : "It is " + given.formula) +
                         ", which is counted here and now: a number where reeve has only auto, "
                         "which is 2 x CPUs + 1.";
        }
        const bool automatic = given.formula == "2 x CPUs + 1" && given.with.empty();
        const auto text = automatic ? Text{"auto"} : text_of(given);
        if (!automatic && given.with.empty()) {
            const auto count = config::parse_count(given.value.text, 0, 1'000'000);
            if (!count.ok()) return fail(given, count.error);
        }
        pool_.options.set("workers", yaml_scalar(text), comment);
        entry.becomes = "workers: " + text.text;
    }

    void take_umask(const Given& given, Entry& entry) {
        // Python's int is decimal here; a command line has it as C writes it.
        auto text = given.value.text;
        if (given.value.kind == Kind::number) {
            const auto number = config::parse_count(text, 0, mode_max);
            if (!number.ok()) return fail(given, number.error);
            text = config::format_octal(static_cast<unsigned>(number.value));
        } else if (const auto decimal = config::parse_count(text, 0, mode_max);
                   decimal.ok() && !text.starts_with('0')) {
            text = config::format_octal(static_cast<unsigned>(decimal.value));
        }
        const auto mode = config::parse_octal(text);
        if (!mode.ok()) return fail(given, mode.error);
        umask_ = mode.value;
        pool_.options.set("umask", config::format_octal(umask_));
        entry.value = config::format_octal(umask_);
    }

    void take_environment(const Given& given, Entry& entry) {
        const bool with = !given.with.empty();
        const auto items = with                        ? given.with
                           : given.value.items.empty() ? std::vector{given.value.text}
                                                       : given.value.items;
        for (const auto& item : items) {
            const auto equals = item.find('=');
            if (equals == std::string::npos || equals == 0) {
                return fail(given, "has " + config::quoted(item) + ", which is no NAME=VALUE");
            }
            // Values may be secrets: the report has the names.
            const bool first = &item == &items.front();
            entry.becomes += (first ? ": " : ", ") + (with ? item : item.substr(0, equals));
            entry.value = (first ? "" : entry.value + ", ") + item.substr(0, equals) + "=...";
            env_.emplace_back(item.substr(0, equals), Text{item.substr(equals + 1), with});
        }
    }

    [[nodiscard]] std::string pythonpath(const std::string& list) const {
        std::string out;
        std::size_t begin = 0;
        while (begin <= list.size()) {
            const auto end = std::min(list.find(',', begin), list.size());
            const auto path = std::filesystem::path{from_.cwd} / list.substr(begin, end - begin);
            out += (out.empty() ? "" : ":") + path.lexically_normal().string();
            begin = end + 1;
        }
        return out;
    }

    void note_dependencies(const Given& given, Entry& entry) const {
        const bool kept = entry.becomes.find("${") != std::string::npos;
        std::string note;
        if (kept)
            note = "Still a matter of the environment: " + config::join(given.variables) + ".";
        auto others = given.depends;
        if (!kept) others.insert(others.end(), given.variables.begin(), given.variables.end());
        if (!others.empty()) {
            note += (kept ? " " : "") + std::string{"It depends on "} + config::join(others) +
                    " in a way that cannot be written: this is its value now.";
        }
        if (!note.empty()) entry.note += (entry.note.empty() ? "" : " ") + note;
    }

    void take_default(std::string_view name, const std::string& value, Fate fate,
                      const std::string& becomes, const std::string& note) {
        if (find(name) != nullptr) return;
        out_.report.add({std::string{name}, value, "default", fate, becomes, note});
    }

    /// What gunicorn did without having been told, where reeve would do something else.
    void take_defaults() {
        if (find("workers") == nullptr) {
            pool_.options.set("workers", "${WEB_CONCURRENCY:-1}",
                              "gunicorn's default. auto would be 2 x CPUs + 1.");
            take_default("workers", "1", Fate::carried, "workers: ${WEB_CONCURRENCY:-1}",
                         "reeve's own default is auto.");
        }
        if (find("umask") == nullptr) {
            take_default("umask", "0", Fate::different, "",
                         "gunicorn clears the mask: files of workers are writable for all. reeve "
                         "leaves the mask that it was started with; umask: 0000 has it back.");
        }
        if (command_.uvicorn && find("keepalive") == nullptr) {
            take_default("keepalive", "2", Fate::different, "",
                         "uvicorn's default is 5 seconds, which suits a proxy better.");
        }
    }

    void write_sockets() {
        std::vector<Text> binds;
        const auto* given = find("bind");
        if (given == nullptr) {
            binds.push_back(from_.port ? Text{"0.0.0.0:${PORT:-8000}", true}
                                       : Text{"127.0.0.1:8000"});
            take_default("bind", binds.front().text, Fate::carried, "listen: " + binds.front().text,
                         {});
        } else if (!given->with.empty()) {
            for (const auto& text : given->with) binds.emplace_back(text, true);
        } else {
            for (const auto& text : given->value.items) binds.emplace_back(text);
            if (binds.empty()) split_binds(given->value.text, binds);
        }
        std::vector<Bound> sockets;
        for (const auto& bind : binds) {
            auto bound = read_bind(bind, from_.cwd);
            if (!bound.ok()) return fail(*given, config::quoted(bind.text) + " " + bound.error);
            sockets.push_back(std::move(bound.value));
            if (bind.text.starts_with("fd://")) {
                out_.report.notes.emplace_back(
                    "The socket unit must name its socket: FileDescriptorName=web.");
            }
        }
        place_sockets(sockets);
    }

    static void split_binds(const std::string& text, std::vector<Text>& to) {
        std::size_t begin = 0;
        while (begin <= text.size()) {
            const auto end = std::min(text.find(',', begin), text.size());
            to.emplace_back(text.substr(begin, end - begin));
            begin = end + 1;
        }
    }

    /// One pool, or where the program takes one socket only, one for each.
    void place_sockets(const std::vector<Bound>& sockets) {
        const bool one_each = command_.one_socket;
        for (const auto& bound : sockets) {
            if (one_each || out_.draft.pools.empty()) out_.draft.pools.push_back(pool_);
            auto& pool = out_.draft.pools.back();
            const auto number = out_.draft.pools.size();
            if (number > 1) pool.name = "web-" + std::to_string(number);
            const auto place = static_cast<std::size_t>(&bound - sockets.data());
            const bool first = one_each || place == 0;
            const auto name = first ? std::string{"web"} : "web-" + std::to_string(place + 1);
            if (first) listen_.clear();
            listen_ += "\n      " + name + ": " + socket_yaml(bound);
            pool.options.set("listen", listen_);
        }
        if (one_each && sockets.size() > 1) {
            out_.report.notes.emplace_back(
                "uvicorn takes one socket, so each address has a pool of its own, with as many "
                "workers each: set the numbers as you need them, or use --client, whose workers "
                "serve all.");
        }
        const auto is_tcp = [](const Bound& bound) { return bound.tcp; };
        const bool all_tcp = std::all_of(sockets.begin(), sockets.end(), is_tcp);
        for (std::size_t i = 0; i < out_.draft.pools.size(); ++i) {
            const bool fits = one_each ? sockets[i].tcp : all_tcp;
            if (!command_.uvicorn || !fits) continue;
            out_.draft.pools[i].options.set(
                "accept", "per-worker",
                "A queue for each worker, so that event loops are served evenly.");
        }
    }

    [[nodiscard]] std::string socket_yaml(const Bound& bound) const {
        std::vector<std::string> parts;
        if (const auto* backlog = find("backlog")) {
            parts.push_back("backlog: " + yaml_scalar(text_of(*backlog)));
        }
        if (bound.unix_path) {
            // gunicorn's own mask is 0, and the file its user's.
            parts.push_back("mode: " + config::format_octal(mode_max & ~umask_));
            for (const char* who : {"user", "group"}) {
                const auto* given = find(who);
                if (given == nullptr) continue;
                parts.push_back((who == std::string_view{"user"} ? "owner: " : "group: ") +
                                yaml_scalar(text_of(*given)));
            }
        }
        if (parts.empty()) return yaml_scalar(bound.address);
        const auto address = bound.address.variables ? yaml_list({bound.address})
                                                     : "[" + yaml_scalar(bound.address) + "]";
        return "{address: " + address.substr(1, address.size() - 2) + ", " + config::join(parts) +
               "}";
    }

    void write_rest() {
        for (auto& pool : out_.draft.pools) {
            for (const auto& line : command_.options) {
                pool.options.set(line.key, line.yaml, line.comment);
            }
            pool.options.set("cwd", yaml_scalar({command_.cwd}), "Where gunicorn was started.");
            if (!env_.empty()) pool.options.set("env", yaml_map(env_));
        }
    }

    void explain() {
        const auto source = from_.file.location.empty() ? std::string{"gunicorn's command line"}
                                                        : from_.file.location;
        out_.report.source = source + ", for " + command_.application;
        out_.report.signals = gunicorn_signals();
        out_.draft.comment = "Made from " + source +
                             " by `reeve import gunicorn`. `reeve check -c FILE` validates it, "
                             "`reeve config --reference` explains every option.";
        for (const auto& note : command_.notes) out_.report.notes.push_back(note);
        if (from_.unit.command.empty())
            out_.report.notes.emplace_back(
                "What the old unit or container put into the environment goes into env or env_file "
                "of "
                "the pool, or, where ${VAR} stands in this file, into reeve's own environment.");
        if (!from_.file.complete) {
            out_.report.notes.emplace_back(
                "The file reads more environment variables than were looked at: see whether a "
                "value should be ${VAR:-default}.");
        }
        for (const auto& name : from_.file.unknown) {
            std::vector<std::string> known;
            for (const auto& setting : gunicorn_settings()) known.emplace_back(setting.name);
            const auto near = name.size() < short_name ? "" : config::nearest(name, known);
            if (near.empty()) continue;
            out_.report.notes.push_back("gunicorn knows no setting " + name +
                                        ", and ignored it: " + near + " may have been meant.");
        }
    }

    const Gunicorn& from_;
    std::vector<Given> given_;
    GunicornCommand command_;
    Imported out_;
    PoolDraft pool_;
    std::vector<std::pair<std::string, Text>> env_;
    std::string listen_;
    unsigned umask_ = 0;
    std::string error_;
};

}  // namespace

Result translate(const Gunicorn& gunicorn) { return Translation{gunicorn}.run(); }

}  // namespace reeve::imports

// Which command the workers run once gunicorn does not start them.
#include "import/gunicorn_command.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

#include "config/words.hpp"

namespace reeve::imports {

namespace {

using Kind = Value::Kind;
using Takes = Setting::Takes;

/// Settings that are flags of uvicorn under another name.
struct UvicornFlag {
    std::string_view setting;
    std::string_view flag;
};
constexpr std::array uvicorn_flags{
    UvicornFlag{"keepalive", "--timeout-keep-alive"},
    UvicornFlag{"loglevel", "--log-level"},
    UvicornFlag{"forwarded_allow_ips", "--forwarded-allow-ips"},
    UvicornFlag{"root_path", "--root-path"},
    UvicornFlag{"asgi_loop", "--loop"},
    UvicornFlag{"asgi_lifespan", "--lifespan"},
    UvicornFlag{"logconfig", "--log-config"},
    UvicornFlag{"logconfig_json", "--log-config"},
    UvicornFlag{"keyfile", "--ssl-keyfile"},
    UvicornFlag{"certfile", "--ssl-certfile"},
    UvicornFlag{"ca_certs", "--ssl-ca-certs"},
    UvicornFlag{"ciphers", "--ssl-ciphers"},
    UvicornFlag{"cert_reqs", "--ssl-cert-reqs"},
};

std::string lower(std::string text) {
    for (auto& c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

bool is_false(const Value& value) { return value.kind == Kind::boolean && value.text == "False"; }

/// The first of "-w|--workers" that is long.
std::string long_flag(const Setting& setting) {
    const auto begin = setting.flags.find("--");
    const auto end = setting.flags.find('|', begin);
    return std::string{setting.flags.substr(begin, end - begin)};
}

/// With its variables, or "-", or a path that does not depend on where reeve runs.
Text access_log_of(const Given& given, const std::string& cwd) {
    if (!given.with.empty()) return {given.with.front(), true};
    if (given.value.text == "-") return {given.value.text};
    return {(std::filesystem::path{cwd} / given.value.text).lexically_normal().string()};
}

class Choice {
public:
    Choice(const Gunicorn& from, const std::vector<Given>& given) : from_{from}, given_{given} {}

    GunicornCommand run() {
        const auto* worker_class = find("worker_class");
        class_ = worker_class == nullptr ? "sync" : worker_class->value.text;
        out_.client = from_.client;
        out_.uvicorn = lower(class_).find("uvicorn") != std::string::npos || class_ == "asgi";
        choose_application();
        if (!out_.error.empty()) return std::move(out_);
        if (out_.uvicorn) {
            run_uvicorn();
        } else {
            run_gunicorn();
        }
        return std::move(out_);
    }

private:
    [[nodiscard]] const Given* find(std::string_view name) const {
        const auto found = std::find_if(given_.begin(), given_.end(), [&](const Given& given) {
            return given.setting->name == name && given.value.kind != Kind::nothing;
        });
        return found == given_.end() ? nullptr : &*found;
    }

    void add(std::string_view flag, Text value) {
        out_.command.emplace_back(std::string{flag});
        out_.command.push_back(std::move(value));
    }

    void choose_application() {
        for (const auto* line : {&from_.environment, &from_.line}) {
            if (!line->words.empty()) out_.application = line->words.front();
        }
        const auto* setting = find("wsgi_app");
        if (out_.application.empty() && setting != nullptr) {
            out_.application = setting->value.text;
        }
        if (out_.application.empty() && find("paste") != nullptr) {
            out_.application = find("paste")->value.text;
        }
        if (out_.application.empty()) {
            const auto file = from_.file.location;
            out_.error =
                (file.empty() ? "no application is named" : file + " names no application") +
                std::string{": reeve import gunicorn -- MODULE:NAME"} +
                (file.empty() ? "" : " -c " + file);
        }
    }

    void run_uvicorn() {
        const auto cwd = find("chdir");
        out_.cwd = from_.cwd;
        if (cwd != nullptr) {
            const auto path = std::filesystem::path{from_.cwd} / cwd->value.text;
            out_.cwd = path.lexically_normal().string();
        }
        if (from_.client) {
            out_.command = {from_.file.python.empty() ? "python3" : from_.file.python, "-m",
                            "reeve.uvicorn"};
            out_.options = {{"liveness", "required", "The client beats from the event loop."}};
        } else {
            out_.command = {from_.file.uvicorn.empty() ? "uvicorn" : from_.file.uvicorn};
            out_.options = {{"liveness", "preload",
                             "uvicorn, changed in nothing: a preloaded library sees its event loop "
                             "and its requests."}};
            out_.one_socket = true;
        }
        add_application();
        if (!from_.client) {
            add("--fd", "{fd:web}");
            // WEB_CONCURRENCY would have it start others itself.
            add("--workers", "1");
        }
        for (const auto& [setting, flag] : uvicorn_flags) {
            const auto* given = find(setting);
            if (given == nullptr) continue;
            if (setting == "loglevel") {
                add(flag, log_level_of(*given));
            } else if (given->with.empty()) {
                add(flag, Text{given->value.text});
            } else {
                add(flag, Text{given->with.front(), true});
            }
        }
        if (class_.ends_with("UvicornH11Worker")) {
            add("--loop", "asyncio");
            add("--http", "h11");
        }
        const auto* connections = find("worker_connections");
        if (from_.client && connections != nullptr) {
            add("--limit-connections", Text{connections->value.text});
        }
        // reeve's own has gunicorn's form, and its client turns uvicorn's off by itself.
        if (!from_.client) out_.command.emplace_back("--no-access-log");
        if (const auto* access = find("accesslog")) {
            out_.options.push_back(
                {"access_log", yaml_scalar(access_log_of(*access, out_.cwd)), ""});
        }
        if (!class_.ends_with(".UvicornWorker") && !class_.ends_with(".UvicornH11Worker") &&
            class_ != "asgi") {
            out_.notes.push_back(class_ +
                                 " was taken for a Uvicorn worker: what its "
                                 "CONFIG_KWARGS say has to be added to the command.");
        }
        if (from_.environment.given.empty()) return;
        out_.notes.emplace_back("GUNICORN_CMD_ARGS is written down here, and not read any more.");
    }

    /// "module", "module:name" and "module:factory()" as uvicorn has them.
    void add_application() {
        auto application = out_.application;
        if (application.find(':') == std::string::npos) application += ":application";
        const auto call = application.find('(');
        if (call == std::string::npos) {
            out_.command.emplace_back(application);
        } else if (application.substr(call) == "()") {
            out_.command.emplace_back(application.substr(0, call));
            out_.command.emplace_back("--factory");
        } else {
            out_.error = out_.application +
                         ": uvicorn calls no factory with arguments; give "
                         "what it returns a name in a module of its own";
        }
    }

    void run_gunicorn() {
        out_.cwd = from_.cwd;
        out_.options = {{"liveness", "preload",
                         "gunicorn, changed in nothing: a preloaded library sees its loop and its "
                         "requests."}};
        const auto& program = from_.line.program;
        const bool written = !program.empty() && program.find("python") == std::string::npos;
        out_.command = {written                       ? program
                        : from_.file.gunicorn.empty() ? std::string{"gunicorn"}
                                                      : from_.file.gunicorn};
        const auto* words = &from_.line.words;
        if (words->empty()) words = &from_.environment.words;
        for (const auto& word : *words) out_.command.emplace_back(word);
        if (!from_.file.location.empty()) add("-c", Text{from_.file.location});
        for (const auto& given : given_) {
            if (given.from != "command line" && given.from != "GUNICORN_CMD_ARGS") continue;
            if (!given.setting->moved && given.setting->name != "config") add_flags(given);
        }
        for (const auto& setting : gunicorn_settings()) {
            const bool always = setting.name == "workers" || setting.name == "timeout";
            if (setting.off.empty() || (!always && find(setting.name) == nullptr)) continue;
            const auto blank = setting.off.find(' ');
            add(setting.off.substr(0, blank), Text{std::string{setting.off.substr(blank + 1)}});
        }
        for (const std::string_view name : {"daemon", "pidfile", "reload", "initgroups"}) {
            const auto* given = find(name);
            if (given == nullptr || is_false(given->value) || given->from == "command line") {
                continue;
            }
            out_.notes.push_back("Take " + std::string{name} + " out of " + given->from +
                                 ": each worker is a gunicorn that still reads the file.");
        }
    }

    void add_flags(const Given& given) {
        const auto flag = long_flag(*given.setting);
        switch (given.setting->takes) {
            case Takes::nothing:
            case Takes::off: out_.command.emplace_back(flag); break;
            case Takes::many:
                for (const auto& item : given.value.items) add(flag, Text{item});
                break;
            case Takes::value:
            case Takes::maybe: add(flag, Text{given.value.text}); break;
        }
    }

    const Gunicorn& from_;
    const std::vector<Given>& given_;
    std::string class_;
    GunicornCommand out_;
};

}  // namespace

Entry GunicornCommand::entry_of(const Given& given) const {
    const auto& setting = *given.setting;
    Entry out{std::string{setting.name},    given.value.text,         given.from, setting.fate,
              std::string{setting.becomes}, std::string{setting.note}};
    const auto flag =
        std::find_if(uvicorn_flags.begin(), uvicorn_flags.end(),
                     [&](const UvicornFlag& one) { return one.setting == setting.name; });
    if (!uvicorn && !setting.moved) {
        out.fate = Fate::carried;
        const bool names_it = setting.name == "wsgi_app" || setting.name == "worker_class";
        out.becomes = names_it ? "command" : "gunicorn, the worker, still does it";
        out.note = {};
    } else if (is_false(given.value) && setting.fate != Fate::carried) {
        out.fate = Fate::carried;
        out.becomes = {};
        out.note = "Off, as it is without reeve having the like.";
    } else if (uvicorn && flag != uvicorn_flags.end()) {
        out.becomes = std::string{flag->flag} + " " +
                      (given.with.empty() ? given.value.text : given.with.front());
    } else if (uvicorn && setting.name == "accesslog") {
        out.becomes = "access_log: " + access_log_of(given, cwd).text;
    } else if (setting.name == "errorlog" && given.value.text == "-") {
        out.fate = Fate::carried;
    }
    if (setting.name == "worker_class") {
        out.note = !uvicorn ? "One gunicorn with one worker in each slot."
                   : client ? "uvicorn in reeve's Python client."
                            : "uvicorn itself; with --client in reeve's Python client.";
    }
    return out;
}

std::vector<Given> winners(const Gunicorn& from) {
    std::vector<Given> out;
    // What the service says holds where gunicorn itself was told nothing.
    const auto add = [&](const char* name, const std::string& value) {
        if (!value.empty())
            out.push_back(
                {find_gunicorn_setting(name), {Kind::text, value, {}}, from_the_unit, {}});
    };
    add("user", from.unit.user);
    add("group", from.unit.group);
    add("umask", from.unit.umask);
    for (const auto* given : {&from.file.given, &from.environment.given, &from.line.given}) {
        for (const auto& one : *given) {
            const auto there = std::find_if(out.begin(), out.end(), [&](const Given& other) {
                return other.setting == one.setting;
            });
            if (there == out.end()) {
                out.push_back(one);
            } else {
                *there = one;
            }
        }
    }
    return out;
}

Text log_level_of(const Given& given) {
    if (!given.with.empty()) return {given.with.front(), true};
    const auto level = lower(given.value.text);
    static constexpr std::array<std::string_view, 5> known{"debug", "info", "warning", "error",
                                                           "critical"};
    const bool good = std::find(known.begin(), known.end(), level) != known.end();
    return {good ? level : "info"};
}

GunicornCommand choose_gunicorn_command(const Gunicorn& from, const std::vector<Given>& given) {
    return Choice{from, given}.run();
}

}  // namespace reeve::imports

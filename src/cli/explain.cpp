// `reeve explain`: what would suit a program as a worker, and why.
#include "cli/explain.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

#include "cli/locate.hpp"
#include "config/address.hpp"
#include "config/show.hpp"
#include "config/words.hpp"
#include "os/executable.hpp"

namespace reeve::cli {

namespace {

using config::Scope;
using config::Subject;

constexpr auto default_address = "127.0.0.1:8000";
constexpr int interpreters_max = 4;

/// Looks at the files of one pool's program.
class Examination {
public:
    explicit Examination(const core::PoolConfig& pool) : pool_{pool} {}

    Subject subject;
    std::string path;
    std::string file;
    std::string error;

    void run() {
        const auto unwrapped = config::unwrap(pool_.process.command);
        subject.command = unwrapped.command;
        subject.opaque = unwrapped.opaque;
        const auto located = locate(subject.command.front(), pool_.process);
        path = located.path;
        error = located.problem;
        if (path.empty()) return;
        auto program = read(path);
        note_names(program);
        const bool first_is_script = !program.interpreter.empty();
        file = first_is_script ? "a script" : "";
        for (int i = 0; i < interpreters_max && !program.interpreter.empty() && error.empty();
             ++i) {
            const auto interpreter = find_interpreter(program);
            if (interpreter.empty()) return;
            file += " of " + interpreter;
            program = read(interpreter);
        }
        note_linkage(program);
        if (!first_is_script) look_at_argument();
    }

private:
    os::Executable read(const std::string& from) {
        auto program = os::read_executable(from);
        if (program) return *std::move(program);
        error = from + ": " + program.error().message();
        return {};
    }

    /// The program of "#!": that of env too, along PATH.
    std::string find_interpreter(const os::Executable& script) {
        auto name = script.interpreter;
        const bool is_env = std::filesystem::path{name}.filename() == "env";
        if (is_env) {
            const auto words = config::split_command(script.argument).value;
            const auto found = std::find_if(words.begin(), words.end(), [](const auto& word) {
                return !word.starts_with('-') && word.find('=') == std::string::npos;
            });
            if (found == words.end()) return {};
            name = *found;
        }
        const auto located = locate(name, pool_.process);
        if (!located.problem.empty()) error = path + ": its interpreter: " + located.problem;
        // What a program is known as may be its interpreter's name only.
        if (config::find_program(subject.command) == nullptr && !located.path.empty()) {
            subject.command.insert(subject.command.begin(), located.path);
        }
        return located.path;
    }

    void note_names(const os::Executable& program) {
        const auto& elf = program.elf;
        const auto needs = [&](std::string_view library) {
            return elf && std::any_of(elf->needed.begin(), elf->needed.end(),
                                      [&](const auto& n) { return n.starts_with(library); });
        };
        subject.names_listen_fds |= program.names_listen_fds || needs("libsystemd.so");
        subject.names_notify_socket |= program.names_notify_socket || needs("libsystemd.so");
        subject.names_server_starter |= program.names_server_starter;
        subject.names_reeve |= program.names_reeve || needs("libreeve-worker.so");
    }

    void note_linkage(const os::Executable& program) {
        subject.privileged = program.privileged;
        if (!program.elf) {
            file += file.empty() ? "neither a script nor a 64-bit ELF file" : "";
            return;
        }
        const bool dynamic = !program.elf->interpreter.empty();
        subject.linkage = program.elf->go ? Subject::Linkage::go
                          : dynamic       ? Subject::Linkage::dynamic
                                          : Subject::Linkage::fixed;
        file += file.empty() ? "" : ", ";
        file += dynamic ? "dynamically linked" : "static";
        if (program.elf->go) file += ", built by Go";
        if (program.privileged) file += ", with rights of its own";
    }

    /// The script that an interpreter is given names protocols too.
    void look_at_argument() {
        const auto* row = config::find_program(subject.command);
        if (row == nullptr || !row->interpreter || subject.opaque || subject.command.size() < 2 ||
            subject.command[1].starts_with('-')) {
            return;
        }
        const auto script = std::filesystem::path{pool_.process.cwd} / subject.command[1];
        const auto program = os::read_executable(script.string());
        subject.names_listen_fds = subject.names_server_starter = subject.names_reeve = false;
        if (program) note_names(*program);
    }

    const core::PoolConfig& pool_;
};

/// One option as text of both forms.
struct Written {
    std::string key;
    std::vector<std::string> values;
    const config::Option* option = nullptr;
};

std::string yaml_of(const Written& entry) {
    const auto& kind = entry.option->kind;
    std::vector<std::string> words;
    for (const auto& value : entry.values) {
        const auto equals = value.find('=');
        const bool is_map = std::holds_alternative<config::EnvironmentKind>(kind) ||
                            std::holds_alternative<config::LimitsKind>(kind);
        words.push_back(is_map ? value.substr(0, equals) + ": " +
                                     config::yaml_string(value.substr(equals + 1))
                               : config::yaml_word(value));
        if (is_map) words.back() = "{" + words.back() + "}";
    }
    auto text = config::join(words);
    const bool is_list = std::holds_alternative<config::CommandKind>(kind) || words.size() > 1;
    if (is_list && text.starts_with("{")) {
        for (auto at = text.find("}, {"); at != std::string::npos; at = text.find("}, {")) {
            text.replace(at, 4, ", ");
        }
    } else if (is_list) {
        text = "[" + text + "]";
    }
    return "    " + entry.key + ": " + text + "\n";
}

/// Adds to an option that is there, or a new one.
void add(std::vector<Written>& to, std::string_view key, const std::vector<std::string>& values) {
    if (values.empty()) return;
    const auto there =
        std::find_if(to.begin(), to.end(), [&](const auto& entry) { return entry.key == key; });
    if (there != to.end()) {
        there->values.insert(there->values.end(), values.begin(), values.end());
    } else {
        to.push_back({std::string{key}, values, config::find_option(Scope::pool, key)});
    }
}

/// The options that the pool needs: those that were typed, and those that the advice adds.
std::vector<Written> options_of(const Selection& given, const core::PoolConfig& pool,
                                const config::Advice& advice) {
    std::vector<Written> out;
    for (const auto& flag : given.flags) {
        if (flag.option->scope == Scope::pool) {
            add(out, flag.option->key, flag.values);
        }
    }
    const bool assumed = given.file.empty() && !pool.listen.empty() &&
                         std::none_of(out.begin(), out.end(),
                                      [](const auto& entry) { return entry.key == "listen"; });
    const bool serves = advice.program == nullptr || advice.program->sockets;
    if (assumed && serves) {
        const bool good = config::parse_address(advice.listen).ok();
        out.insert(out.begin(), Written{"listen",
                                        {good ? advice.listen : std::string{default_address}},
                                        config::find_option(Scope::pool, "listen")});
    }
    for (const auto* choice : advice.choices()) {
        if (choice->added) add(out, choice->key, {choice->value});
    }
    add(out, "compat", advice.compat);
    add(out, "env", advice.env);
    return out;
}

std::string run_line(const Selection& given, const std::vector<Written>& options,
                     const config::Advice& advice) {
    std::string out = "reeve run";
    for (const auto& flag : given.flags) {
        if (flag.option->scope == Scope::pool) continue;
        for (const auto& value : flag.values)
            out += " " + flag.flag + " " + config::shell_word(value);
    }
    for (const auto& entry : options) {
        for (const auto& value : entry.values) {
            out += " " + config::flag_name(*entry.option) + " " + config::shell_word(value);
        }
    }
    out += " --";
    for (const auto& word : advice.command) out += " " + config::shell_word(word);
    return out;
}

std::string yaml_text(const core::PoolConfig& pool, const std::vector<Written>& options,
                      const config::Advice& advice) {
    std::string out = "pools:\n  " + config::yaml_word(pool.name) + ":\n";
    out += yaml_of({"command", advice.command, config::find_option(Scope::pool, "command")});
    for (const auto& entry : options) out += yaml_of(entry);
    return out;
}

std::string padded(std::string text, std::size_t width) {
    text.resize(std::max(width, text.size() + 1), ' ');
    return text;
}

}  // namespace

Selection with_socket(Selection selection, const config::Environment& environment) {
    const auto is_listen = [](const auto& flag) { return flag.option->key == "listen"; };
    if (choose_file(selection, environment).empty() &&
        std::none_of(selection.flags.begin(), selection.flags.end(), is_listen)) {
        const auto* option = config::find_option(Scope::pool, "listen");
        selection.flags.push_back({option, config::flag_name(*option), {default_address}});
    }
    return selection;
}

Explained explain(const config::Loaded& loaded, const Selection& given) {
    Explained out;
    for (const auto& pool : loaded.config.pools) {
        Examination examination{pool};
        examination.run();
        if (!examination.error.empty()) {
            out.errors.push_back("pools." + pool.name + ".command: " + examination.error);
            continue;
        }
        Explanation one;
        one.pool = pool.name;
        one.path = examination.path;
        one.file = examination.file;
        one.advice = config::advise(examination.subject, pool);
        const auto options = options_of(given, pool, one.advice);
        if (loaded.places.count("pools." + pool.name) == 0) {
            one.run = run_line(given, options, one.advice);
        }
        one.yaml = yaml_text(pool, options, one.advice);
        out.pools.push_back(std::move(one));
    }
    return out;
}

std::string show_explanation(const Explanation& explanation, const Paint& paint) {
    constexpr std::size_t label_width = 13;
    constexpr std::size_t value_width = 12;
    constexpr std::size_t text_width = 75;
    const auto& advice = explanation.advice;
    const auto line = [&](std::string_view label, const std::string& value,
                          const std::string& why) {
        std::string out = "  " + paint.dim(padded(std::string{label}, label_width));
        auto lines = config::wrap(why, text_width);
        out += paint.bold(padded(value, value_width)) + (lines.empty() ? "" : lines.front()) + "\n";
        for (std::size_t i = 1; i < lines.size(); ++i) {
            out += std::string(2 + label_width + value_width, ' ') + lines[i] + "\n";
        }
        return out;
    };
    std::string out = paint.bold(explanation.pool) + "\n";
    const auto known =
        advice.program == nullptr ? std::string{"unknown"} : std::string{advice.program->title};
    const auto path =
        explanation.path.empty() ? "its path is not known before the start" : explanation.path;
    out += line("program", known, path + (explanation.file.empty() ? "" : ": " + explanation.file));
    for (const auto* choice : advice.choices()) {
        out += line(choice->key, choice->value, choice->why);
    }
    for (const auto& protocol : advice.compat) out += line("compat", protocol, "");
    for (const auto& warning : advice.warnings) {
        const auto lines = config::wrap(warning, text_width + value_width);
        for (const auto& part : lines) {
            const bool first = &part == &lines.front();
            out += first ? "  " + paint.yellow(padded("warning", label_width))
                         : std::string(2 + label_width, ' ');
            out += part + "\n";
        }
    }
    if (!explanation.run.empty()) out += "\n" + explanation.run + "\n";
    return out + "\n" + explanation.yaml;
}

std::string why_not_preloaded(const core::PoolConfig& pool) {
    if (pool.policy.liveness != core::Liveness::preload) return {};
    Examination examination{pool};
    examination.run();
    const Subject& subject = examination.subject;
    if (examination.path.empty()) return {};
    using enum Subject::Linkage;
    if (subject.linkage == go || subject.linkage == fixed) {
        return "liveness: preload can see nothing of " + examination.path + ", which is " +
               (subject.linkage == go ? "a Go program" : "statically linked") +
               "; use liveness: queue, or none";
    }
    if (subject.privileged) {
        return "liveness: preload is ignored by " + examination.path +
               ", whose file gives it more rights; use liveness: queue, or none";
    }
    return {};
}

}  // namespace reeve::cli

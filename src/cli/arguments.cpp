// The command line of reeve as a value; the only file that knows CLI11.
#include "cli/arguments.hpp"

#include <algorithm>
#include <deque>
#include <memory>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "cli/exit_code.hpp"
#include "config/words.hpp"

namespace reeve::cli {

namespace {

using config::Option;
using config::Scope;

constexpr std::size_t help_columns = 100;
constexpr std::size_t flag_columns = 36;

/// Flags that add up instead of the last one winning.
bool is_repeatable(const Option& option) {
    return std::holds_alternative<config::ListenKind>(option.kind) ||
           std::holds_alternative<config::EnvironmentKind>(option.kind) ||
           std::holds_alternative<config::LimitsKind>(option.kind) ||
           std::holds_alternative<config::ExitCodesKind>(option.kind) ||
           std::holds_alternative<config::NamesKind>(option.kind);
}

/// May stand without a value: then it means yes.
bool is_switch(const Option& option) {
    return std::holds_alternative<config::BoolKind>(option.kind);
}

struct ValueName {
    const char* operator()(const config::BoolKind&) const { return "yes|no"; }
    const char* operator()(const config::DurationKind&) const { return "DURATION"; }
    const char* operator()(const config::CountKind&) const { return "N"; }
    const char* operator()(const config::BytesKind&) const { return "SIZE"; }
    const char* operator()(const config::WorkersKind&) const { return "N|auto"; }
    const char* operator()(const config::ChoiceKind&) const { return ""; }
    const char* operator()(const config::TextKind& kind) const {
        switch (kind.form) {
            case config::TextKind::Form::absolute_path:
            case config::TextKind::Form::url_path:
            case config::TextKind::Form::log_place: return "PATH";
            case config::TextKind::Form::address: return "ADDRESS";
            case config::TextKind::Form::name:
            case config::TextKind::Form::account:
            case config::TextKind::Form::protocol: break;
        }
        return "NAME";
    }
    const char* operator()(const config::CommandKind&) const { return "COMMAND"; }
    const char* operator()(const config::SignalKind&) const { return "SIGNAL"; }
    const char* operator()(const config::ExitCodesKind&) const { return "CODE,..."; }
    const char* operator()(const config::EnvironmentKind&) const { return "NAME=VALUE"; }
    const char* operator()(const config::LimitsKind&) const { return "NAME=LIMIT"; }
    const char* operator()(const config::OctalKind&) const { return "MODE"; }
    const char* operator()(const config::IntegerKind&) const { return "N"; }
    const char* operator()(const config::ListenKind&) const { return "[NAME=]ADDRESS"; }
    const char* operator()(const config::AddressKind&) const { return "ADDRESS"; }
    const char* operator()(const config::NamesKind&) const { return "NAME,..."; }
    const char* operator()(const config::PathOrNoneKind&) const { return "PATH|none"; }
    const char* operator()(const config::AddressOrOffKind&) const { return "ADDRESS|off"; }
};

std::string value_name(const Option& option) {
    if (const auto* choice = std::get_if<config::ChoiceKind>(&option.kind)) {
        std::vector<std::string> names;
        for (const auto& entry : choice->choices) {
            const auto names_of_value = [&](const auto& other) {
                return other.value == entry.value;
            };
            const auto& first =
                *std::find_if(choice->choices.begin(), choice->choices.end(), names_of_value);
            if (first.name == entry.name) names.emplace_back(entry.name);
        }
        return config::join(names, "|");
    }
    return std::visit(ValueName{}, option.kind);
}

/// The first sentence; `reeve config --reference` has the rest.
std::string short_help(const Option& option) {
    std::string text{option.doc.substr(0, option.doc.find(". "))};
    if (text.ends_with('.')) {
        text.pop_back();
    }
    if (!option.fallback.empty()) {
        text += " (" + std::string{option.fallback} + ")";
    }
    return config::join(config::wrap(text, help_columns - flag_columns), "\n");
}

/// The flags of one subcommand and where their values are kept until they are asked for.
class SelectionFlags {
public:
    explicit SelectionFlags(CLI::App& app) : app_{app} {
        app.allow_extras();
        app.get_formatter()->column_width(flag_columns);
        app.add_option("-c,--config", file_, "Configuration file")->type_name("FILE");
        for (const auto& option : config::options()) {
            // `command` is what follows "--".
            if (option.scope == Scope::listen || option.key == "command") {
                continue;
            }
            auto& [flag, added] = flags_.emplace_back();
            flag.option = &option;
            flag.flag = flag_name(option);
            added = app.add_option(flag.flag, flag.values, short_help(option));
            added->type_name(value_name(option))->expected(is_switch(option) ? 0 : 1, 1);
            added->group(option.scope == Scope::pool ? "Options of the pool" : "Options of reeve");
            added->multi_option_policy(is_repeatable(option) ? CLI::MultiOptionPolicy::TakeAll
                                                             : CLI::MultiOptionPolicy::TakeLast);
        }
    }

    [[nodiscard]] const CLI::App& app() const { return app_; }

    [[nodiscard]] Selection take(std::vector<std::string> command) const {
        Selection out;
        out.file = file_;
        out.command = std::move(command);
        for (const auto& [flag, option] : flags_) {
            if (option->count() == 0) continue;
            out.flags.push_back(flag);
            // CLI11 leaves a value that was not given empty.
            auto& values = out.flags.back().values;
            if (is_switch(*flag.option) && config::join(values).empty()) values = {"yes"};
        }
        return out;
    }

private:
    struct Flag {
        config::FlagValue value;
        CLI::Option* option = nullptr;
    };

    CLI::App& app_;
    std::string file_;
    std::deque<Flag> flags_;
};

std::string flag_hint(const CLI::App& app, const std::string& argument) {
    std::vector<std::string> known;
    for (const auto* option : app.get_options()) {
        for (const auto& name : option->get_lnames()) known.push_back("--" + name);
    }
    return config::did_you_mean(argument.substr(0, argument.find('=')), known);
}

Say usage_error(const std::string& text) { return {exit_usage, "reeve: " + text + "\n"}; }

/// What CLI11 could not place. `way_out`: what an argument too many may have been meant for.
std::optional<Say> complain_about_extras(const CLI::App& app, const std::string& way_out) {
    const auto extras = app.remaining();
    if (extras.empty()) {
        return std::nullopt;
    }
    const auto& first = extras.front();
    if (first.starts_with('-')) {
        return usage_error("unknown option " + first.substr(0, first.find('=')) +
                           flag_hint(app, first));
    }
    return usage_error("unexpected argument " + config::quoted(first) + way_out);
}

/// CLI11 would take "-1" for a flag; with a pool without a name before it, it is none.
std::string protect_negative(std::string word) {
    const bool negative = word.size() > 1 && word[0] == '-' && word[1] >= '0' && word[1] <= '9';
    return negative ? "=" + word : word;
}

/// "web=+2" is the pool and how many; in "+2" there is no pool.
void split_scale(TellScale& scale) {
    const auto equals = scale.workers.find('=');
    if (equals == std::string::npos) return;
    scale.pool = scale.workers.substr(0, equals);
    scale.workers.erase(0, equals + 1);
}

/// The subcommands that ask a running daemon, and where their values are kept.
class AskCommands {
public:
    explicit AskCommands(CLI::App& app) : app_{app} {
        auto& status = add("status", "Show pools, workers and sockets", AskStatus{});
        flag<AskStatus>(status, "--json", &AskStatus::json, "As the daemon says it");
        flag<AskStatus>(status, "--watch", &AskStatus::watch, "Again each second");
        auto& health = add("health", "Tell whether it serves: exit code 0 or 1", AskHealth{});
        word<AskHealth>(health, "POOL", &AskHealth::pool, "Only this pool", false);
        auto& events = add("events", "Show what happens, a line each", AskEvents{});
        flag<AskEvents>(events, "-f,--follow", &AskEvents::follow,
                        "Go on until the daemon ends, as it does without");
        flag<AskEvents>(events, "--json", &AskEvents::json, "One JSON object a line");
        add_changes();
        for (const auto& command : commands_) {
            auto& of = *command.app;
            of.allow_extras();
            of.add_option("--admin", whom_.path, "Admin socket of the daemon")->type_name("PATH");
            of.add_option("--name", whom_.name, "Name of the daemon, as in its configuration")
                ->type_name("NAME");
            of.footer(
                "Without --admin and --name: REEVE_ADMIN, then the socket of this user's "
                "daemon.\n" +
                std::string{exit_codes_text});
        }
    }

    /// The one that was used, if one was.
    [[nodiscard]] std::optional<Request> take() const {
        for (const auto& command : commands_) {
            if (!command.app->parsed()) continue;
            if (auto complaint = complain_about_extras(*command.app, "")) return *complaint;
            auto what = command.what;
            if (auto* scale = std::get_if<TellScale>(&what)) split_scale(*scale);
            return Ask{whom_, std::move(what)};
        }
        return std::nullopt;
    }

private:
    struct Command {
        CLI::App* app;
        What what;
    };

    void add_changes() {
        const char* no_wait = "Do not wait until it is done";
        const char* target = "A pool, or one slot of it";
        auto& reload =
            add("reload", "Read the configuration again and replace the workers", TellReload{});
        word<TellReload>(reload, "POOL", &TellReload::pool, "Only this pool", false);
        flag<TellReload>(reload, "--changed", &TellReload::changed,
                         "Only pools whose configuration differs");
        flag<TellReload>(reload, "--dry-run", &TellReload::dry_run, "Only say what would be done");
        flag<TellReload>(reload, "!--no-wait", &TellReload::wait, no_wait);
        auto& scale = add("scale", "Run more or fewer workers until the next reload", TellScale{});
        word<TellScale>(scale, "WORKERS", &TellScale::workers,
                        "[POOL=]N, +N or -N; the pool must be named where there are several");
        flag<TellScale>(scale, "!--no-wait", &TellScale::wait, no_wait);
        auto& start = add("start", "Let run what was stopped", TellStart{});
        word<TellStart>(start, "POOL[/SLOT]", &TellStart::target, target);
        flag<TellStart>(start, "!--no-wait", &TellStart::wait, no_wait);
        auto& stop = add("stop", "Stop workers until they are started again", TellStop{});
        word<TellStop>(stop, "POOL[/SLOT]", &TellStop::target, target);
        flag<TellStop>(stop, "!--no-wait", &TellStop::wait, no_wait);
        auto& restart =
            add("restart", "Replace workers, each when its successor is ready", TellRestart{});
        word<TellRestart>(restart, "POOL[/SLOT]", &TellRestart::target, target);
        flag<TellRestart>(restart, "!--no-wait", &TellRestart::wait, no_wait);
        auto& signal = add("signal", "Send a signal to workers", TellSignal{});
        word<TellSignal>(signal, "POOL[/SLOT]", &TellSignal::target, target);
        word<TellSignal>(signal, "SIGNAL", &TellSignal::signal, "USR1, SIGUSR1 or 10");
        auto& level = add("log-level", "Change how much reeve logs", TellLogLevel{});
        word<TellLogLevel>(level, "LEVEL", &TellLogLevel::level,
                           "trace, debug, info, warning, error or critical");
        auto& shutdown = add("shutdown", "Drain all workers and end reeve", TellShutdown{});
        flag<TellShutdown>(shutdown, "--fast", &TellShutdown::fast, "Drain nothing");
        flag<TellShutdown>(shutdown, "!--no-wait", &TellShutdown::wait, no_wait);
    }

    Command& add(const char* name, const char* help, What what) {
        return commands_.emplace_back(Command{app_.add_subcommand(name, help), std::move(what)});
    }

    /// "!" before the name: the flag says no.
    template <typename T>
    static void flag(Command& to, std::string name, bool T::*member, const char* help) {
        const bool value = !name.starts_with('!');
        if (!value) name.erase(0, 1);
        auto& target = std::get<T>(to.what).*member;
        to.app->add_flag_callback(
            name, [&target, value] { target = value; }, help);
    }

    template <typename T>
    static void word(Command& to, const char* name, std::string T::*member, const char* help,
                     bool required = true) {
        auto* option = to.app->add_option(name, std::get<T>(to.what).*member, help);
        option->required(required);
    }

    CLI::App& app_;
    Whom whom_;
    std::deque<Command> commands_;
};

/// All subcommands of this version.
struct CommandLine {
    CLI::App app{"Runs N copies of a worker program behind sockets that reeve owns.", "reeve"};
    CLI::App& run = *app.add_subcommand("run", "Start the workers and stay in the foreground");
    CLI::App& check = *app.add_subcommand("check", "Validate a configuration, start nothing");
    CLI::App& explain = *app.add_subcommand("explain", "Say what suits a program as a worker");
    CLI::App& config = *app.add_subcommand("config", "Show what can be, or is, configured");
    ImportFlags import_flags{app};
    SelectionFlags run_flags{run};
    SelectionFlags check_flags{check};
    SelectionFlags explain_flags{explain};
    SelectionFlags config_flags{config};
    AskCommands asks{app};
    bool json = false;
    bool reference = false;
    bool schema = false;
    bool print = false;

    CommandLine() {
        app.set_version_flag("--version", "reeve " REEVE_VERSION);
        app.require_subcommand(1);
        app.footer(exit_codes_text);
        explain.add_flag("--json", json, "As one JSON object");
        for (auto* command : {&run, &check, &explain, &config}) {
            command->footer("Everything after -- is the workers' command, untouched.");
        }
        auto* what = config.add_option_group("What to show");
        what->add_flag("--reference", reference, "Every option, with its default and what it does");
        what->add_flag("--schema", schema, "JSON Schema of the configuration file, for editors");
        what->add_flag("--print", print, "The resolved configuration; values of env are hidden");
        what->require_option(1);
    }

    Request take(std::vector<std::string> command) {
        for (const auto* used : {&run, &check, &explain, &config}) {
            const auto* way_out = "; the workers' command comes after --";
            if (auto complaint = complain_about_extras(*used, way_out)) return *complaint;
        }
        std::string wrong;
        if (auto import = import_flags.take(command, wrong)) {
            return wrong.empty() ? Request{*std::move(import)} : usage_error(wrong);
        }
        if (auto ask = asks.take()) {
            if (!command.empty()) {
                return usage_error("only run, check, explain, import and config take a command");
            }
            return *std::move(ask);
        }
        if (run.parsed()) {
            return Run{run_flags.take(std::move(command))};
        }
        if (check.parsed()) {
            return Check{check_flags.take(std::move(command))};
        }
        if (explain.parsed()) {
            return Explain{explain_flags.take(std::move(command)), json};
        }
        if (reference) {
            return PrintReference{};
        }
        if (schema) {
            return PrintSchema{};
        }
        return PrintConfig{config_flags.take(std::move(command))};
    }
};

}  // namespace

std::string choose_file(const Selection& selection, const config::Environment& environment) {
    if (!selection.file.empty()) return selection.file;
    auto from_environment = environment("REEVE_CONFIG").value_or("");
    if (!from_environment.empty()) return from_environment;
    return selection.command.empty() ? "/etc/reeve/reeve.yaml" : "";
}

Request parse_arguments(const std::vector<std::string>& arguments) {
    const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
    // CLI11 takes its arguments from the back.
    std::vector<std::string> ours{arguments.begin(), dashes};
    if (!ours.empty() && ours.front() == "scale") {
        for (auto& word : ours) word = protect_negative(std::move(word));
    }
    std::reverse(ours.begin(), ours.end());
    std::vector<std::string> command;
    if (dashes != arguments.end()) {
        command.assign(dashes + 1, arguments.end());
        if (command.empty()) {
            return usage_error("no command after --");
        }
    }
    CommandLine line;
    try {
        line.app.parse(std::move(ours));
    } catch (const CLI::CallForHelp&) {
        return Say{0, line.app.help()};
    } catch (const CLI::CallForAllHelp&) {
        return Say{0, line.app.help("", CLI::AppFormatMode::All)};
    } catch (const CLI::CallForVersion& version) {
        return Say{0, std::string{version.what()} + "\n"};
    } catch (const CLI::ParseError& error) {
        return usage_error(std::string{error.what()} + "; see reeve --help");
    }
    return line.take(std::move(command));
}

}  // namespace reeve::cli

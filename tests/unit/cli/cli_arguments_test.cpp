// The command line: what is the worker's stays the worker's, what is wrong is said.
#include <doctest/doctest.h>

#include "cli/arguments.hpp"
#include "config/options.hpp"
#include "config/words.hpp"

namespace reeve::cli {

namespace {

using Arguments = std::vector<std::string>;

Selection run(const Arguments& arguments) {
    auto all = arguments;
    all.insert(all.begin(), "run");
    const auto request = parse_arguments(all);
    if (const auto* say = std::get_if<Say>(&request)) {
        FAIL(say->text);
    }
    REQUIRE(std::holds_alternative<Run>(request));
    return std::get<Run>(request).selection;
}

/// What is said when the usage is wrong.
std::string complaint(const Arguments& arguments) {
    const auto request = parse_arguments(arguments);
    REQUIRE(std::holds_alternative<Say>(request));
    const auto& say = std::get<Say>(request);
    CHECK(say.exit_code == 2);
    CHECK(say.text.starts_with("reeve: "));
    return say.text;
}

std::vector<std::string> values(const Selection& selection, const std::string& flag) {
    for (const auto& entry : selection.flags) {
        if (entry.flag == flag) return entry.values;
    }
    return {};
}

}  // namespace

TEST_CASE("what follows -- reaches the worker untouched, also what looks like a flag of reeve") {
    const Arguments command{"./w", "--workers", "7", "-c", "x", "--", "", "--help", "a b"};
    Arguments all{"--workers", "4", "--"};
    all.insert(all.end(), command.begin(), command.end());
    const auto selection = run(all);
    CHECK(selection.command == command);
    CHECK(values(selection, "--workers") == Arguments{"4"});
    CHECK(selection.file.empty());
}

TEST_CASE("a flag that is given again wins, unless it is one of those that add up") {
    const auto selection = run({"--workers", "4", "--workers=5", "--listen", "127.0.0.1:1",
                                "--listen", "a=unix:/x", "--env", "A=1", "--env", "B=2"});
    CHECK(values(selection, "--workers") == Arguments{"5"});
    CHECK(values(selection, "--listen") == Arguments{"127.0.0.1:1", "a=unix:/x"});
    CHECK(values(selection, "--env") == Arguments{"A=1", "B=2"});
}

TEST_CASE("values that look like flags, and switches without a value, are understood") {
    const auto selection =
        run({"--nice", "-5", "--cpu-affinity", "--stop-signal", "QUIT", "-c", "f"});
    CHECK(values(selection, "--nice") == Arguments{"-5"});
    CHECK(config::join(values(selection, "--cpu-affinity")) == "yes");
    CHECK(values(selection, "--stop-signal") == Arguments{"QUIT"});
    CHECK(selection.file == "f");
}

TEST_CASE("every option of a pool and of the log has its flag") {
    for (const auto& option : config::options()) {
        if (option.scope == config::Scope::listen || option.key == "command") continue;
        const auto flag = config::flag_name(option);
        CAPTURE(flag);
        CHECK(values(run({flag, "x"}), flag) == Arguments{"x"});
    }
}

TEST_CASE("a mistake is named together with what was probably meant") {
    CHECK(complaint({"run", "--timeot", "5", "--", "x"}) ==
          "reeve: unknown option --timeot; did you mean --timeout?\n");
    CHECK(complaint({"run", "--max_requests=5", "--", "x"}) ==
          "reeve: unknown option --max_requests; did you mean --max-requests?\n");
    CHECK(complaint({"run", "./worker"}) ==
          "reeve: unexpected argument \"./worker\"; the workers' command comes after --\n");
    CHECK(complaint({"run", "--"}) == "reeve: no command after --\n");
    complaint({});
    complaint({"runn"});
    complaint({"run", "--workers"});
    complaint({"config"});
    complaint({"config", "--schema", "--reference"});
}

TEST_CASE("help and version go to standard output and are no error") {
    for (const Arguments& arguments : {Arguments{"--help"}, Arguments{"--version"},
                                       Arguments{"run", "--help"}, Arguments{"check", "--help"}}) {
        const auto request = parse_arguments(arguments);
        REQUIRE(std::holds_alternative<Say>(request));
        CHECK(std::get<Say>(request).exit_code == 0);
        CHECK_FALSE(std::get<Say>(request).text.empty());
    }
}

TEST_CASE("the other subcommands are found") {
    CHECK(std::holds_alternative<Check>(parse_arguments({"check", "-c", "x"})));
    CHECK(std::holds_alternative<PrintReference>(parse_arguments({"config", "--reference"})));
    CHECK(std::holds_alternative<PrintSchema>(parse_arguments({"config", "--schema"})));
    const auto print = parse_arguments({"config", "--print", "--workers", "2", "--", "x"});
    REQUIRE(std::holds_alternative<PrintConfig>(print));
    CHECK(std::get<PrintConfig>(print).selection.command == Arguments{"x"});
}

TEST_CASE("what is asked of a daemon keeps its words, and waits unless told not to") {
    const auto what = [](const Arguments& arguments) {
        const auto request = parse_arguments(arguments);
        if (const auto* say = std::get_if<Say>(&request)) {
            FAIL(say->text);
        }
        return std::get<Ask>(request).what;
    };
    const auto scale = [&](const std::string& word) {
        const auto tell = std::get<TellScale>(what({"scale", word}));
        return tell.pool + " " + tell.workers;
    };
    CHECK(scale("web=8") == "web 8");
    CHECK(scale("web=+2") == "web +2");
    CHECK(scale("web=-1") == "web -1");
    CHECK(scale("-1") == " -1");
    CHECK(scale("+3") == " +3");
    CHECK(scale("8") == " 8");
    const auto reload = std::get<TellReload>(what({"reload", "web", "--changed", "--no-wait"}));
    CHECK(reload.pool == "web");
    CHECK(reload.changed);
    CHECK_FALSE(reload.dry_run);
    CHECK_FALSE(reload.wait);
    CHECK(std::get<TellReload>(what({"reload", "--dry-run"})).wait);
    CHECK(std::get<TellStart>(what({"start", "web/3"})).target == "web/3");
    CHECK_FALSE(std::get<TellStop>(what({"stop", "web", "--no-wait"})).wait);
    CHECK(std::get<TellRestart>(what({"restart", "web"})).wait);
    CHECK(std::get<TellSignal>(what({"signal", "web/0", "USR1"})).signal == "USR1");
    CHECK(std::get<TellLogLevel>(what({"log-level", "debug"})).level == "debug");
    CHECK(std::get<TellShutdown>(what({"shutdown", "--fast"})).fast);
    CHECK(std::get<AskStatus>(what({"status", "--json"})).json);
    CHECK(std::get<AskEvents>(what({"events", "-f"})).follow);
    CHECK(std::get<AskHealth>(what({"health", "web"})).pool == "web");
    const auto whom = std::get<Ask>(parse_arguments({"status", "--admin", "/a", "--name=n"})).whom;
    CHECK(whom.path == "/a");
    CHECK(whom.name == "n");
}

TEST_CASE("a mistake in what is asked is named before any daemon is bothered") {
    CHECK(complaint({"status", "--jsn"}) == "reeve: unknown option --jsn; did you mean --json?\n");
    CHECK(complaint({"stop", "web", "queue"}) == "reeve: unexpected argument \"queue\"\n");
    complaint({"stop"});
    complaint({"scale"});
    complaint({"signal", "web"});
    complaint({"log-level"});
    complaint({"status", "--admin"});
    complaint({"status", "--", "x"});
}

TEST_CASE("the file that is read is the one that was named nearest") {
    const auto environment = [](const std::string& value) {
        return [value](const std::string& name) {
            return name == "REEVE_CONFIG" ? std::optional{value} : std::nullopt;
        };
    };
    CHECK(choose_file(run({"-c", "a"}), environment("b")) == "a");
    CHECK(choose_file(run({}), environment("b")) == "b");
    CHECK(choose_file(run({"--", "x"}), environment("b")) == "b");
    CHECK(choose_file(run({}), environment("")) == "/etc/reeve/reeve.yaml");
    CHECK(choose_file(run({"--", "x"}), environment("")) == "");
}

}  // namespace reeve::cli

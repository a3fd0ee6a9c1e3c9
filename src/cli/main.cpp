// The entry of the one binary: reads the command line and does what it asks.
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <unistd.h>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/commands.hpp"
#include "cli/exit_code.hpp"
#include "cli/explain.hpp"
#include "cli/import.hpp"
#include "cli/probe.hpp"
#include "cli/run.hpp"
#include "cli/summary.hpp"
#include "config/load.hpp"
#include "config/show.hpp"
#include "os/cgroup.hpp"

namespace reeve::cli {

namespace {

std::optional<std::string> variable(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>{value};
}

config::Request make_request(const Selection& selection) {
    const auto cpus = os::available_cpus();
    config::Request request;
    request.file = choose_file(selection, variable);
    request.flags = selection.flags;
    request.command = selection.command;
    request.cpus = {cpus.cpus, cpus.explanation};
    request.environment = variable;
    return request;
}

int fail(const std::vector<std::string>& errors) {
    for (const auto& error : errors) {
        std::cerr << error << '\n';
    }
    return exit_config;
}

/// Loads, and looks at the surroundings if the text itself is good.
config::Loaded load_and_probe(const Selection& selection) {
    auto loaded = config::load(make_request(selection));
    if (loaded.ok()) loaded.errors = probe(loaded);
    return loaded;
}

bool wants_colour() {
    return ::isatty(STDOUT_FILENO) == 1 && variable("NO_COLOR").value_or("").empty();
}

struct Execute {
    int operator()(const Run& run) const {
        const auto loaded = load_and_probe(run.selection);
        if (!loaded.ok()) return fail(loaded.errors);
        return start(loaded, [selection = run.selection] { return load_and_probe(selection); });
    }
    int operator()(const Check& check) const {
        const auto loaded = load_and_probe(check.selection);
        if (!loaded.ok()) return fail(loaded.errors);
        std::cout << summarize(loaded, Paint{wants_colour()});
        return exit_good;
    }
    int operator()(const Explain& request) const {
        const auto loaded = load_and_probe(with_socket(request.selection, variable));
        if (!loaded.ok()) return fail(loaded.errors);
        const auto explained = explain(loaded, request.selection);
        if (!explained.errors.empty()) return fail(explained.errors);
        if (request.json) {
            std::cout << explanations_json(explained.pools);
            return exit_good;
        }
        for (const auto& pool : explained.pools) {
            if (&pool != &explained.pools.front()) std::cout << '\n';
            std::cout << show_explanation(pool, Paint{wants_colour()});
        }
        return exit_good;
    }
    int operator()(const Import& import) const { return run_import(import); }
    int operator()(const PrintConfig& print) const {
        const auto loaded = config::load(make_request(print.selection));
        if (!loaded.ok()) return fail(loaded.errors);
        std::cout << config::show_config(loaded.config);
        return exit_good;
    }
    int operator()(const PrintReference& /*print*/) const {
        std::cout << config::show_reference();
        return exit_good;
    }
    int operator()(const PrintSchema& /*print*/) const {
        std::cout << config::show_schema();
        return exit_good;
    }
    int operator()(const Ask& ask) const {
        Paint paint{wants_colour()};
        paint.terminal = ::isatty(STDOUT_FILENO) == 1;
        return run_ask(ask, variable, paint);
    }
    int operator()(const Say& say) const {
        (say.exit_code == exit_good ? std::cout : std::cerr) << say.text;
        return say.exit_code;
    }
};

}  // namespace

}  // namespace reeve::cli

int main(int argc, char** argv) {
    try {
        const std::vector<std::string> arguments{argv + 1, argv + argc};
        return std::visit(reeve::cli::Execute{}, reeve::cli::parse_arguments(arguments));
    } catch (const std::exception& error) {
        std::cerr << "reeve: " << error.what() << '\n';
        return reeve::cli::exit_failed;
    }
}

// The command line of reeve as a value.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cli/client_ask.hpp"
#include "cli/import_arguments.hpp"
#include "config/load.hpp"

namespace reeve::cli {

/// What a configuration is named by: `run`, `check` and `config --print` share these flags.
struct Selection {
    std::string file;  ///< -c; empty = not given
    std::vector<config::FlagValue> flags;
    std::vector<std::string> command;  ///< after "--"
};

/// -c, then REEVE_CONFIG, then, unless a command says what to run, /etc/reeve/reeve.yaml; empty for
/// no file.
std::string choose_file(const Selection& selection, const config::Environment& environment);

struct Run {
    Selection selection;
};
struct Check {
    Selection selection;
};
/// What would suit these programs.
struct Explain {
    Selection selection;
    bool json = false;
};
struct PrintConfig {
    Selection selection;
};
struct PrintReference {};
struct PrintSchema {};

/// Nothing to do but to say something: help, the version, or what is wrong with the usage.
struct Say {
    int exit_code = 0;
    std::string text;
};

using Request =
    std::variant<Run, Check, Explain, Import, PrintConfig, PrintReference, PrintSchema, Ask, Say>;

/// Everything after the first "--" is the worker's command and not looked at. Never throws for bad
/// usage.
Request parse_arguments(const std::vector<std::string>& arguments);

}  // namespace reeve::cli

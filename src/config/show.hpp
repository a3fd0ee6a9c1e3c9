// The options table and a configuration, shown: for people, for editors, and as YAML again.
#pragma once

#include <string>

#include "config/options.hpp"
#include "core/config.hpp"

namespace reeve::config {

/// Every option with its kind of value, its default, what a reload does with it, and its paragraph.
std::string show_reference();

/// JSON Schema (draft 7) of a configuration file.
std::string show_schema();

/// The resolved configuration as YAML that load() takes; values of `env` are hidden.
std::string show_config(const core::Config& config);

/// One option's value as YAML on one line; empty if it is not set. Maps are no single line: see
/// show_config().
std::string show_value(const Option& option, const Target& target);

/// "duration from 0s to 365d, or off": the kind of value in words.
std::string describe_kind(const Option& option);

/// A JSON, and so also a YAML, string in double quotes.
std::string json_string(std::string_view text);

/// A string that the reader takes for itself: quoted, and with no variable to replace.
std::string yaml_string(std::string_view text);

/// The same, without quotes where none are needed.
std::string yaml_word(std::string_view text);

}  // namespace reeve::config

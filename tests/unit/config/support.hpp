// What the tests of config share: loading a text in a fixed environment.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "config/load.hpp"

namespace reeve::config {

using Variables = std::map<std::string, std::string>;

inline Environment environment_of(Variables variables) {
    return [variables = std::move(variables)](const std::string& name) {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional{found->second};
    };
}

/// A request on a machine with two CPUs.
inline Request request_for(const std::string& text, Variables variables = {}) {
    Request request;
    request.file = "reeve.yaml";
    request.text = text;
    request.cpus = {2, "fixed"};
    request.environment = environment_of(std::move(variables));
    return request;
}

inline Loaded load_text(const std::string& text, Variables variables = {}) {
    return load(request_for(text, std::move(variables)));
}

/// All errors, a line each.
inline std::string errors_of(const Loaded& loaded) {
    std::string out;
    for (const auto& error : loaded.errors) {
        out += error + "\n";
    }
    return out;
}

inline FlagValue flag(Scope scope, std::string_view key, std::vector<std::string> values) {
    const auto* option = find_option(scope, key);
    return {option, flag_name(*option), std::move(values)};
}

}  // namespace reeve::config

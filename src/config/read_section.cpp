// Reads whole sections and says what an unknown key was probably meant to be.
#include <algorithm>
#include <array>
#include <utility>

#include "config/option_rows.hpp"
#include "config/reader.hpp"
#include "config/words.hpp"

namespace reeve::config {

namespace {

/// What other supervisors call it.
constexpr std::array<std::pair<std::string_view, std::string_view>, 20> foreign_names{{
    {"bind", "listen"},
    {"sockets", "listen"},
    {"socket", "listen"},
    {"chdir", "cwd"},
    {"directory", "cwd"},
    {"working_directory", "cwd"},
    {"environment", "env"},
    {"environment_file", "env_file"},
    {"exec", "command"},
    {"cmd", "command"},
    {"args", "command"},
    {"replicas", "workers"},
    {"processes", "workers"},
    {"numprocs", "workers"},
    {"concurrency", "workers"},
    {"loglevel", "log.level"},
    {"stopsignal", "stop_signal"},
    {"stop_timeout", "graceful_timeout"},
    {"limits", "rlimits"},
    {"max_worker_lifetime", "max_lifetime"},
}};

std::string hint_for(Scope scope, const std::string& key) {
    for (const auto& [foreign, ours] : foreign_names) {
        if (foreign == key) return "; reeve calls it " + std::string{ours};
    }
    if (scope == Scope::top && find_option(Scope::pool, key) != nullptr) {
        return " here; it belongs in a pool or in defaults";
    }
    if (scope != Scope::top && find_option(Scope::top, key) != nullptr) {
        return " here; it belongs at the top level";
    }
    return did_you_mean(key, option_names(scope));
}

}  // namespace

std::uint32_t automatic_workers(const Cpus& cpus) {
    return std::min(2 * std::clamp(cpus.count, 1U, workers_max) + 1, workers_max);
}

bool read_option(const Option& option, const Tree& node, const Target& target,
                 const std::string& path, Reading& reading) {
    return std::visit(Reader{node, target, path, reading}, option.kind);
}

bool expect_map(const Tree& node, const std::string& path, Reading& reading) {
    switch (node.kind) {
        case Tree::Kind::null:
        case Tree::Kind::map: return true;
        case Tree::Kind::scalar:
        case Tree::Kind::sequence: break;
    }
    reading.problems.add(node.place, path, "must be a map of options");
    return false;
}

void report_unknown(Scope scope, const Tree& child, const std::string& path, Reading& reading) {
    reading.problems.add(child.key_place, child_path(path, child.key),
                         "unknown key" + hint_for(scope, child.key));
}

void read_section(Scope scope, const Tree& section, const Target& target, const std::string& path,
                  Reading& reading) {
    if (!expect_map(section, path, reading)) return;
    for (const auto& child : section.children) {
        const auto* option = find_option(scope, child.key);
        if (option == nullptr) {
            report_unknown(scope, child, path, reading);
            continue;
        }
        const auto child_way = child_path(path, child.key);
        reading.places[child_way] = child.place;
        read_option(*option, child, target, child_way, reading);
    }
}

}  // namespace reeve::config

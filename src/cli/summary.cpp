// What `reeve check` shows of a good configuration.
#include "cli/summary.hpp"

#include <algorithm>

#include "cli/explain.hpp"
#include "config/address.hpp"
#include "config/advice.hpp"
#include "config/checks.hpp"
#include "config/words.hpp"

namespace reeve::cli {

namespace {

std::string line(const std::string& label, const std::string& value) {
    constexpr std::size_t width = 10;
    auto padded = label;
    padded.resize(std::max(width, padded.size()), ' ');
    return "  " + padded + value + "\n";
}

std::string sockets_of(const core::PoolConfig& pool) {
    if (pool.listen.empty()) return line("sockets", "none");
    std::size_t width = 0;
    for (const auto& listen : pool.listen) {
        width = std::max(width, listen.name.size());
    }
    std::string out;
    for (const auto& listen : pool.listen) {
        auto name = listen.name;
        name.resize(width + 2, ' ');
        out += line(out.empty() ? "sockets" : "", name + config::format_address(listen));
    }
    return out;
}

/// A word of a command as one would have to type it.
std::string shown_word(const std::string& word) {
    const bool plain = !word.empty() && word.find_first_of(" \t\n\"'\\") == std::string::npos;
    return plain ? word : "'" + word + "'";
}

std::string command_of(const core::PoolConfig& pool) {
    std::vector<std::string> words;
    for (const auto& word : pool.process.command) {
        words.push_back(shown_word(word));
    }
    return config::join(words, " ");
}

}  // namespace

std::string Paint::bold(const std::string& text) const {
    return on ? "\033[1m" + text + "\033[0m" : text;
}

std::string Paint::dim(const std::string& text) const {
    return on ? "\033[2m" + text + "\033[0m" : text;
}

std::string Paint::green(const std::string& text) const {
    return on ? "\033[32m" + text + "\033[0m" : text;
}

std::string Paint::yellow(const std::string& text) const {
    return on ? "\033[33m" + text + "\033[0m" : text;
}

std::string Paint::red(const std::string& text) const {
    return on ? "\033[31m" + text + "\033[0m" : text;
}

std::string summarize(const config::Loaded& loaded, const Paint& paint) {
    std::string out;
    for (const auto& pool : loaded.config.pools) {
        out += paint.bold(pool.name) + "\n";
        out += line("command", command_of(pool));
        out += line("workers", std::to_string(pool.policy.workers));
        out += sockets_of(pool);
    }
    for (const auto& note : loaded.notes) {
        out += "note: " + note + "\n";
    }
    for (const auto& pool : loaded.config.pools) {
        for (const auto& entry : config::find_unenforced(pool)) {
            out += paint.yellow("warning") + ": pools." + pool.name + "." + entry.setting + ": " +
                   entry.remedy + "\n";
        }
        for (const auto& mistake : config::known_mistakes(pool)) {
            out += paint.yellow("warning") + ": pools." + pool.name + "." + mistake + "\n";
        }
        if (const auto why = why_not_preloaded(pool); !why.empty()) {
            out += paint.yellow("warning") + ": pools." + pool.name + "." + why + "\n";
        }
    }
    return out;
}

std::vector<std::string> certain_warnings(const config::Loaded& loaded) {
    std::vector<std::string> out;
    for (const auto& pool : loaded.config.pools) {
        for (const auto& entry : config::find_unenforced(pool)) {
            if (entry.certain) {
                out.push_back("pools." + pool.name + "." + entry.setting + ": " + entry.remedy);
            }
        }
        for (const auto& mistake : config::known_mistakes(pool)) {
            out.push_back("pools." + pool.name + "." + mistake);
        }
        if (const auto why = why_not_preloaded(pool); !why.empty()) {
            out.push_back("pools." + pool.name + "." + why);
        }
    }
    return out;
}

}  // namespace reeve::cli

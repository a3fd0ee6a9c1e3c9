// What is known of programs that people run as workers: how a command is recognised.
#include "config/programs.hpp"

#include <algorithm>
#include <array>

#include "config/words.hpp"

namespace reeve::config {

namespace {

constexpr int wrappers_max = 8;
constexpr std::string_view shell_marks = "|&;<>()$`*?[]#~\n";

/// Calls `take` with each of "a|b" until it says yes.
template <typename Take>
bool any_of_words(std::string_view words, Take take) {
    while (!words.empty()) {
        const auto end = std::min(words.find('|'), words.size());
        if (take(words.substr(0, end))) return true;
        words.remove_prefix(std::min(end + 1, words.size()));
    }
    return false;
}

bool is_named(std::string_view name, std::string_view patterns) {
    return any_of_words(patterns, [&](std::string_view pattern) {
        if (!pattern.ends_with('*')) return name == pattern;
        return name.starts_with(pattern.substr(0, pattern.size() - 1));
    });
}

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

/// The module of `python -m MODULE`; empty if there is none.
std::string_view module_of(const std::vector<std::string>& command) {
    for (std::size_t i = 1; i < command.size() && command[i].starts_with('-'); ++i) {
        if (command[i] == "-m" && i + 1 < command.size()) return command[i + 1];
        if (command[i].starts_with("-m") && command[i].size() > 2) {
            return std::string_view{command[i]}.substr(2);
        }
        if (command[i] == "-c" || command[i] == "-") break;
        // These two take a value.
        if (command[i] == "-W" || command[i] == "-X") ++i;
    }
    return {};
}

bool is_assignment(const std::string& word) {
    const auto equals = word.find('=');
    return equals != std::string::npos && equals > 0 && !word.starts_with('-');
}

/// Moves the first `count` words to what stands before.
void take_off(Unwrapped& from, std::size_t count) {
    const auto end = from.command.begin() + static_cast<std::ptrdiff_t>(count);
    from.before.insert(from.before.end(), from.command.begin(), end);
    from.command.erase(from.command.begin(), end);
}

/// How many words belong to a wrapper: its own, its flags, and what stands for it.
std::size_t length_of_wrapper(const std::vector<std::string>& command) {
    struct Wrapper {
        std::string_view name;
        std::string_view with_value;
        bool assignments = false;
    };
    static constexpr std::array wrappers{
        Wrapper{"env", "-u|-C|--unset|--chdir", true},
        Wrapper{"nice", "-n"},
        Wrapper{"ionice", "-c|-n"},
        Wrapper{"setsid", ""},
        Wrapper{"nohup", ""},
        Wrapper{"stdbuf", "-i|-o|-e"},
        Wrapper{"exec", ""},
    };
    const auto name = base_name(command.front());
    const auto* const wrapper = std::find_if(wrappers.begin(), wrappers.end(),
                                             [&](const auto& w) { return w.name == name; });
    if (wrapper == wrappers.end()) return 0;
    std::size_t length = 1;
    for (; length < command.size(); ++length) {
        const auto& word = command[length];
        if (word == "--") return length + 1;
        if (word.starts_with('-')) {
            if (is_named(word, wrapper->with_value)) ++length;
        } else if (!wrapper->assignments || !is_assignment(word)) {
            break;
        }
    }
    return length;
}

/// Takes the shell off if it is given one simple command; whether it was a shell with -c.
bool take_off_shell(Unwrapped& out) {
    if (out.command.size() < 3 || !is_named(base_name(out.command[0]), "sh|bash|dash|zsh|ksh") ||
        out.command[1] != "-c") {
        return false;
    }
    out.shell = true;
    const auto& text = out.command[2];
    auto words = text.find_first_of(shell_marks) == std::string::npos
                     ? split_command(text)
                     : Parsed<std::vector<std::string>>::failure("opaque");
    if (!words.ok() || words.value.empty() || is_assignment(words.value.front())) {
        out.opaque = true;
        return true;
    }
    out.command = std::move(words.value);
    return true;
}

}  // namespace

bool has_flag(const std::vector<std::string>& command, std::string_view flags) {
    return std::any_of(command.begin(), command.end(), [&](const std::string& word) {
        return is_named(std::string_view{word}.substr(0, word.find('=')), flags);
    });
}

const Program* find_program(const std::vector<std::string>& command) {
    if (command.empty()) return nullptr;
    const auto name = base_name(command.front());
    const auto module = is_named(name, "python*|pypy*") ? module_of(command) : std::string_view{};
    for (const auto& row : programs()) {
        const bool is_it =
            module.empty() ? is_named(name, row.names) : is_named(module, row.modules);
        if (is_it) return &row;
    }
    return module.empty() ? nullptr : find_program({command.front()});
}

Unwrapped unwrap(const std::vector<std::string>& command) {
    Unwrapped out;
    out.command = command;
    for (int i = 0; i < wrappers_max && !out.command.empty() && !out.opaque; ++i) {
        if (const auto length = length_of_wrapper(out.command);
            length > 0 && length < out.command.size()) {
            take_off(out, length);
        } else if (!take_off_shell(out)) {
            break;
        }
    }
    return out;
}

}  // namespace reeve::config

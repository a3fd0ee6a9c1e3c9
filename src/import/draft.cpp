// A configuration of reeve in the making.
#include "import/draft.hpp"

#include <algorithm>

#include "config/show.hpp"
#include "config/words.hpp"

namespace reeve::imports {

namespace {

constexpr std::size_t columns = 100;
constexpr std::size_t name_max = 64;

constexpr std::string_view plain_in_variables =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789${}_:./-";

/// In brackets or braces.
std::string yaml_item(const Text& text) {
    return text.variables ? config::json_string(text.text) : config::yaml_word(text.text);
}

void add_comment(std::string& out, const std::string& text, std::size_t indent) {
    const std::string before = std::string(indent, ' ') + "# ";
    for (const auto& line : config::wrap(text, columns - before.size())) {
        out += before + line + "\n";
    }
}

void add_command(std::string& out, const std::vector<Text>& command) {
    const auto line = "    command: " + yaml_list(command) + "\n";
    if (line.size() <= columns + 1) {
        out += line;
        return;
    }
    out += "    command:\n";
    for (const auto& word : command) out += "      - " + yaml_item(word) + "\n";
}

void add_lines(std::string& out, const Section& section, std::size_t indent) {
    for (const auto& line : section.lines()) {
        add_comment(out, line.comment, indent);
        out += std::string(indent, ' ') + line.key + ":";
        out += (line.yaml.starts_with('\n') ? "" : " ") + line.yaml + "\n";
    }
}

/// Each line with a mark, which is all there is to remove to have it.
std::string commented(const std::string& lines) {
    std::string out = "#";
    for (std::size_t i = 0; i < lines.size(); ++i) {
        out += lines[i];
        if (lines[i] == '\n' && i + 1 < lines.size()) out += '#';
    }
    return out;
}

}  // namespace

std::string yaml_scalar(const Text& text) {
    const bool plain = text.variables && text.text.starts_with("${") &&
                       text.text.find_first_not_of(plain_in_variables) == std::string::npos &&
                       text.text.ends_with('}');
    return plain ? text.text : yaml_item(text);
}

std::string yaml_list(const std::vector<Text>& words) {
    std::vector<std::string> items;
    items.reserve(words.size());
    for (const auto& word : words) items.push_back(yaml_item(word));
    return "[" + config::join(items) + "]";
}

std::string yaml_map(const std::vector<std::pair<std::string, Text>>& entries) {
    std::string out;
    for (const auto& [key, value] : entries) {
        // Always in quotes: "yes" and 1 are texts here.
        out +=
            "\n      " + config::yaml_word(key) + ": " +
            (value.variables ? config::json_string(value.text) : config::yaml_string(value.text));
    }
    return out.empty() ? "{}" : out;
}

void Section::set(std::string key, std::string yaml, std::string comment) {
    const auto there = std::find_if(lines_.begin(), lines_.end(),
                                    [&](const Line& line) { return line.key == key; });
    if (there != lines_.end()) {
        *there = {std::move(key), std::move(yaml), std::move(comment)};
    } else {
        lines_.push_back({std::move(key), std::move(yaml), std::move(comment)});
    }
}

bool Section::has(std::string_view key) const {
    return std::any_of(lines_.begin(), lines_.end(),
                       [&](const Line& line) { return line.key == key; });
}

std::string show_draft(const Draft& draft) {
    std::string out;
    add_comment(out, draft.comment, 0);
    const auto section = [&](const char* name, const Section& lines) {
        if (lines.lines().empty()) return;
        out += std::string{"\n"} + name + ":\n";
        add_lines(out, lines, 2);
    };
    section("log", draft.log);
    section("metrics", draft.metrics);
    out += "\npools:\n";
    for (const auto& pool : draft.pools) {
        if (&pool != &draft.pools.front()) out += "\n";
        add_comment(out, pool.comment, 2);
        std::string lines = "  " + config::yaml_word(pool.name) + ":\n";
        add_command(lines, pool.command);
        add_lines(lines, pool.options, 4);
        out += pool.disabled ? commented(lines) : lines;
    }
    return out;
}

std::string pool_name(std::string_view text) {
    std::string out{text.substr(0, name_max)};
    for (auto& c : out) {
        const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
        if (!good) c = '_';
    }
    return out.empty() ? "pool" : out;
}

}  // namespace reeve::imports

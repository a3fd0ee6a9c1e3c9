// A configuration of reeve in the making: options in order, each with the comment above it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace reeve::imports {

/// A text of a configuration. With `variables` what looks like ${VAR} in it is one.
struct Text {
    std::string text;
    bool variables = false;

    Text() = default;
    Text(std::string of, bool with = false) : text{std::move(of)}, variables{with} {}
    Text(const char* of) : text{of} {}
};

/// As a value that stands alone behind its key.
std::string yaml_scalar(const Text& text);

/// "[a, b]"; one line, whatever its length.
std::string yaml_list(const std::vector<Text>& words);

/// "{A: b, C: d}".
std::string yaml_map(const std::vector<std::pair<std::string, Text>>& entries);

struct Line {
    std::string key;
    std::string yaml;
    std::string comment;
};

/// Lines at one level, each key once: who sets one again replaces it.
class Section {
public:
    void set(std::string key, std::string yaml, std::string comment = {});
    [[nodiscard]] bool has(std::string_view key) const;
    [[nodiscard]] const std::vector<Line>& lines() const { return lines_; }

private:
    std::vector<Line> lines_;
};

struct PoolDraft {
    std::string name;
    std::string comment;
    std::vector<Text> command;
    Section options;
    bool disabled = false;  ///< written as a comment
};

struct Draft {
    std::string comment;
    Section log;
    Section metrics;
    std::vector<PoolDraft> pools;
};

/// The file.
std::string show_draft(const Draft& draft);

/// What is no name of a pool made one: letters, digits, '_', '.', '-'.
std::string pool_name(std::string_view text);

}  // namespace reeve::imports

// What is wrong with a configuration, and where: the form in which complaints leave this room.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace reeve::config {

/// Where a value was written. A file has lines and columns, counted from 1; a flag or a variable
/// has only its name.
struct Place {
    std::shared_ptr<const std::string>
        source;  ///< file path, "--flag" or variable name; null = nowhere in particular
    std::size_t line = 0;
    std::size_t column = 0;
};

/// A place that is not a line of a file: a flag or an environment variable.
Place named_place(std::string source);

/// "FILE:LINE:COLUMN", or the bare name; "" for nowhere.
std::string describe(const Place& place);

/// One complaint. `path` is the dotted way to the option ("pools.web.timeout"), or empty.
struct Problem {
    Place place;
    std::string path;
    std::string text;
};

/// "FILE:LINE:COLUMN: PATH: TEXT", one line whatever the text contains.
std::string describe(const Problem& problem);

/// Collects problems; keeps a bounded number and counts the rest.
class Problems {
public:
    static constexpr std::size_t kept_max = 10;

    void add(Place place, std::string path, std::string text);
    [[nodiscard]] bool empty() const { return problems_.empty(); }
    [[nodiscard]] std::size_t count() const { return problems_.size() + dropped_; }

    /// One line each, in the order of the places, at most `kept_max`, then one line that says how
    /// many more there are.
    [[nodiscard]] std::vector<std::string> lines() const;

private:
    std::vector<Problem> problems_;
    std::size_t dropped_ = 0;
};

/// A value or the reason why there is none; the reason is a sentence fragment that follows "PATH:
/// ".
template <typename T>
struct Parsed {
    T value{};
    std::string error;
    [[nodiscard]] bool ok() const { return error.empty(); }

    static Parsed success(T value) { return {std::move(value), {}}; }
    static Parsed failure(std::string error) { return {{}, std::move(error)}; }
};

/// `text` in double quotes, shortened and without control characters: fit for a one-line message.
std::string quoted(std::string_view text);

}  // namespace reeve::config

// Words: splitting a command line without a shell, and finding the name that was probably meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/problem.hpp"

namespace reeve::config {

/// Splits at blanks; '...' and "..." group, a backslash takes the next character as it is. No shell
/// ever sees the result, so an operator of one (| && ; > ...) standing alone is an error and not an
/// argument.
Parsed<std::vector<std::string>> split_command(std::string_view text);

/// The candidate nearest to `word` if it is near enough to be a typing error, else "".
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// "; did you mean NAME?", or "" when nothing is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

/// A word as a shell takes it for itself.
std::string shell_word(const std::string& word);

/// "a, b, c".
std::string join(const std::vector<std::string>& words, std::string_view separator = ", ");

/// Lines of at most `width` columns, broken at blanks.
std::vector<std::string> wrap(std::string_view text, std::size_t width);

}  // namespace reeve::config

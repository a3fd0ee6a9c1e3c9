// Words: splitting a command line without a shell, and finding the name that was probably meant.
#include "config/words.hpp"

#include <algorithm>
#include <array>
#include <sstream>

namespace reeve::config {

namespace {

constexpr std::array<std::string_view, 11> shell_operators{"|",  "||", "&",  "&&", ";",   ">",
                                                           ">>", "<",  "<<", "2>", "2>&1"};

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// Edits (insert, delete, replace, swap of neighbours) between two short words.
std::size_t distance(std::string_view a, std::string_view b) {
    const auto width = b.size() + 1;
    std::vector<std::size_t> table((a.size() + 1) * width);
    const auto at = [&](std::size_t i, std::size_t j) -> std::size_t& {
        return table[i * width + j];
    };
    for (std::size_t i = 0; i <= a.size(); ++i) {
        at(i, 0) = i;
    }
    for (std::size_t j = 0; j <= b.size(); ++j) {
        at(0, j) = j;
    }
    for (std::size_t i = 1; i <= a.size(); ++i) {
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            auto best = std::min({at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                best = std::min(best, at(i - 2, j - 2) + 1);
            }
            at(i, j) = best;
        }
    }
    return at(a.size(), b.size());
}

/// The words so far and the one being read.
struct Splitter {
    std::vector<std::string> words;
    std::string word;
    bool in_word = false;
    bool was_quoted = false;
    std::string refused;

    void finish() {
        if (!in_word) {
            return;
        }
        if (!was_quoted && std::find(shell_operators.begin(), shell_operators.end(), word) !=
                               shell_operators.end()) {
            refused = word;
        }
        words.push_back(std::move(word));
        word.clear();
        in_word = was_quoted = false;
    }
};

}  // namespace

Parsed<std::vector<std::string>> split_command(std::string_view text) {
    using Result = Parsed<std::vector<std::string>>;
    Splitter out;
    char quote = '\0';
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool escapes = c == '\\' && quote != '\'';
        if (escapes && i + 1 == text.size()) {
            return Result::failure("ends in a backslash that escapes nothing");
        }
        if (escapes) {
            const char next = text[++i];
            // Between double quotes a backslash is only special before a quote or another
            // backslash.
            if (quote == '"' && next != '"' && next != '\\') {
                out.word += c;
            }
            out.word += next;
            out.in_word = out.was_quoted = true;
        } else if (quote != '\0') {
            if (c == quote) {
                quote = '\0';
            } else {
                out.word += c;
            }
        } else if (c == '\'' || c == '"') {
            quote = c;
            out.in_word = out.was_quoted = true;
        } else if (is_blank(c)) {
            out.finish();
        } else {
            out.word += c;
            out.in_word = true;
        }
    }
    if (quote != '\0') {
        return Result::failure(std::string{"has no closing "} + quote);
    }
    out.finish();
    if (!out.refused.empty()) {
        return Result::failure("no shell runs this, so " + quoted(out.refused) +
                               " would be an argument; quote it, or write [sh, -c, \"exec ...\"]");
    }
    return Result::success(std::move(out.words));
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
    constexpr std::size_t length_max = 64;
    if (word.empty() || word.size() > length_max) {
        return {};
    }
    const std::size_t allowed = word.size() <= 3 ? 1 : word.size() <= 8 ? 2 : 3;
    std::string best;
    std::size_t best_distance = allowed + 1;
    for (const auto& candidate : candidates) {
        const auto edits = distance(word, std::string_view{candidate}.substr(0, length_max));
        if (edits < best_distance && edits < candidate.size()) {
            best = candidate;
            best_distance = edits;
        }
    }
    return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
    const auto found = nearest(word, candidates);
    return found.empty() ? std::string{} : "; did you mean " + found + "?";
}

std::string join(const std::vector<std::string>& words, std::string_view separator) {
    std::string out;
    for (const auto& word : words) {
        out += (out.empty() ? std::string{} : std::string{separator}) + word;
    }
    return out;
}

std::vector<std::string> wrap(std::string_view text, std::size_t width) {
    std::vector<std::string> lines;
    std::istringstream words{std::string{text}};
    for (std::string word; words >> word;) {
        if (lines.empty() || lines.back().size() + 1 + word.size() > width) {
            lines.push_back(std::move(word));
        } else {
            lines.back() += " " + word;
        }
    }
    return lines;
}

std::string shell_word(const std::string& word) {
    constexpr auto plain =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._:+=,@%-";
    if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
    std::string out = "'";
    for (const char c : word) {
        out += c == '\'' ? std::string{"'\\''"} : std::string{c};
    }
    return out + "'";
}

}  // namespace reeve::config

// Files of NAME=VALUE lines.
#include "import/env_file.hpp"

#include <algorithm>

namespace reeve::imports {

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\f\v";
    const auto begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

std::vector<std::pair<std::string, std::string>> read_env_file(std::string_view text) {
    std::vector<std::pair<std::string, std::string>> out;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        auto line = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.starts_with("export ")) line = trimmed(line.substr(7));
        const auto equals = line.find('=');
        if (equals == std::string_view::npos || line.front() == '#') continue;
        auto value = trimmed(line.substr(equals + 1));
        const bool quoted = value.size() > 1 && value.front() == value.back() &&
                            (value.front() == '"' || value.front() == '\'');
        if (quoted) value = value.substr(1, value.size() - 2);
        out.emplace_back(trimmed(line.substr(0, equals)), value);
    }
    return out;
}

}  // namespace reeve::imports

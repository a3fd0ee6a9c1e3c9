// Files of sections, keys and values, as Python's configparser reads them for supervisord.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/problem.hpp"

namespace reeve::imports {

struct IniEntry {
    std::string key;  ///< in lower case
    std::string value;
    std::string place;  ///< "FILE:LINE"
};

struct IniSection {
    std::string name;
    std::string place;
    std::vector<IniEntry> entries;  ///< each key once, the last one given

    [[nodiscard]] const IniEntry* find(std::string_view key) const;
};

/// A section that comes twice is one. The error begins with the place.
config::Parsed<std::vector<IniSection>> read_ini(std::string_view text, const std::string& file);

/// Adds the sections of another file.
void merge_ini(std::vector<IniSection>& into, std::vector<IniSection> more);

}  // namespace reeve::imports

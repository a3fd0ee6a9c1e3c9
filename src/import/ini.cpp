// Files of sections, keys and values, as Python's configparser reads them for supervisord.
#include "import/ini.hpp"

#include <algorithm>

#include "import/env_file.hpp"

namespace reeve::imports {

namespace {

using Result = config::Parsed<std::vector<IniSection>>;

constexpr std::string_view blanks = " \t\r\f\v";

/// Without " ; comment" and " # comment": a mark counts at the beginning and behind a blank.
std::string_view without_comment(std::string_view line) {
    for (std::size_t i = 0; i < line.size(); ++i) {
        const bool mark = line[i] == ';' || line[i] == '#';
        if (mark && (i == 0 || blanks.find(line[i - 1]) != std::string_view::npos)) {
            return line.substr(0, i);
        }
    }
    return line;
}

IniSection& section_of(std::vector<IniSection>& all, const std::string& name,
                       const std::string& place) {
    const auto there = std::find_if(all.begin(), all.end(),
                                    [&](const IniSection& one) { return one.name == name; });
    if (there != all.end()) return *there;
    all.push_back({name, place, {}});
    return all.back();
}

IniEntry& put(IniSection& to, IniEntry entry) {
    const auto there = std::find_if(to.entries.begin(), to.entries.end(),
                                    [&](const IniEntry& one) { return one.key == entry.key; });
    if (there != to.entries.end()) return *there = std::move(entry);
    to.entries.push_back(std::move(entry));
    return to.entries.back();
}

}  // namespace

const IniEntry* IniSection::find(std::string_view key) const {
    const auto found = std::find_if(entries.begin(), entries.end(),
                                    [&](const IniEntry& entry) { return entry.key == key; });
    return found == entries.end() ? nullptr : &*found;
}

Result read_ini(std::string_view text, const std::string& file) {
    std::vector<IniSection> out;
    IniSection* section = nullptr;
    IniEntry* entry = nullptr;
    std::size_t number = 0;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        const auto raw = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const auto place = file + ":" + std::to_string(++number);
        if (raw.find('\0') != std::string_view::npos) {
            return Result::failure(place + ": a NUL byte: this is no text");
        }
        const auto line = trimmed(without_comment(raw));
        const bool indented = !raw.empty() && blanks.find(raw.front()) != std::string_view::npos;
        if (line.empty()) continue;
        if (indented && entry != nullptr) {
            entry->value += (entry->value.empty() ? "" : "\n") + std::string{line};
        } else if (line.front() == '[') {
            const auto close = line.find(']');
            if (close == std::string_view::npos) return Result::failure(place + ": lacks a ]");
            section = &section_of(out, std::string{line.substr(1, close - 1)}, place);
            entry = nullptr;
        } else if (section == nullptr) {
            return Result::failure(place + ": stands before the first [section]");
        } else {
            const auto separator = line.find_first_of("=:");
            if (separator == std::string_view::npos || separator == 0) {
                return Result::failure(place + ": is neither [section] nor KEY = VALUE");
            }
            std::string key{trimmed(line.substr(0, separator))};
            for (auto& c : key) {
                if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
            }
            entry = &put(*section,
                         {std::move(key), std::string{trimmed(line.substr(separator + 1))}, place});
        }
    }
    return Result::success(std::move(out));
}

void merge_ini(std::vector<IniSection>& into, std::vector<IniSection> more) {
    for (auto& section : more) {
        auto& target = section_of(into, section.name, section.place);
        for (auto& entry : section.entries) put(target, std::move(entry));
    }
}

}  // namespace reeve::imports

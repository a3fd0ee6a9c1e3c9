// From supervisord's programs to pools of reeve.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/problem.hpp"
#include "import/imported.hpp"

namespace reeve::imports {

/// A key of supervisord, up to version 4.
struct SupervisordKey {
    std::string_view section;  ///< "program", "fcgi-program", "supervisord"
    std::string_view name;
    Fate fate = Fate::carried;
    std::string_view becomes{};
    std::string_view note{};
};

std::span<const SupervisordKey> supervisord_keys();
/// Of [fcgi-program:x] those of [program:x] too.
const SupervisordKey* find_supervisord_key(std::string_view section, std::string_view name);

/// A kind of section that is no program.
struct SupervisordSection {
    std::string_view name;
    std::string_view note;
};
std::span<const SupervisordSection> supervisord_sections();

/// The way to files, so that this room needs none.
struct Files {
    std::function<config::Parsed<std::string>(const std::string& path)> read;
    std::function<std::vector<std::string>(const std::string& pattern)> find;  ///< in order
};

struct Supervisord {
    std::string file;  ///< an absolute path
    std::string host;  ///< %(host_node_name)s
    Files files;
};

config::Parsed<Imported> translate(const Supervisord& supervisord);

}  // namespace reeve::imports

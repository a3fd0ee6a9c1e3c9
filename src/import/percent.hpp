// supervisord's %(name)s in values.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "config/problem.hpp"
#include "import/draft.hpp"

namespace reeve::imports {

struct Percent {
    std::map<std::string, std::string> names;  ///< what is known: here, program_name, ...
    /// What %(process_num)s becomes: "{slot}", or a number that is formatted as it is asked for.
    std::string process_number;

    /// %(ENV_X)s becomes ${X}.
    [[nodiscard]] config::Parsed<Text> expand(std::string_view text) const;
};

/// Whether the value asks for the number in a form that {slot} does not have: %(process_num)02d.
bool pads_number(std::string_view text);

}  // namespace reeve::imports

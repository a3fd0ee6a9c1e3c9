// What one turn of the core produces: actions to carry out in order, records to publish in order.
#pragma once

#include <vector>

#include "core/action.hpp"
#include "core/record.hpp"

namespace reeve::core {

struct Output {
    std::vector<Action> actions;
    std::vector<Record> records;
};

}  // namespace reeve::core

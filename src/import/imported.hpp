// What every import makes: a configuration, and a report on what became of each setting.
#pragma once

#include "import/draft.hpp"
#include "import/report.hpp"

namespace reeve::imports {

struct Imported {
    Draft draft;
    Report report;
};

}  // namespace reeve::imports

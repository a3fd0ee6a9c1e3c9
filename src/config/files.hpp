// The files of a configuration, read with bounds and turned into trees.
#pragma once

#include <string>
#include <vector>

#include "config/substitute.hpp"
#include "config/tree.hpp"

namespace reeve::config {

/// The main file and then `conf.d/*.yaml` beside it in the order of their names, with variables
/// replaced. Files that cannot be read, and what is wrong in them, are reported and left out.
std::vector<Tree> read_documents(const std::string& file, const Environment& environment,
                                 Problems& problems);

/// The same for a text that is already here; `name` stands for the file in messages.
std::vector<Tree> read_document_text(const std::string& text, const std::string& name,
                                     const Environment& environment, Problems& problems);

}  // namespace reeve::config

// `reeve explain`: what would suit a program as a worker, and why.
#pragma once

#include <string>
#include <vector>

#include "cli/arguments.hpp"
#include "cli/summary.hpp"
#include "config/advice.hpp"

namespace reeve::cli {

/// Of one pool.
struct Explanation {
    std::string pool;
    std::string path;  ///< of the program; empty where it cannot be known
    std::string file;  ///< what kind of file that is
    config::Advice advice;
    std::string run;   ///< the command line; empty where the configuration is a file
    std::string yaml;  ///< the same as a file, or what a file still lacks
};

struct Explained {
    std::vector<Explanation> pools;
    std::vector<std::string> errors;
};

/// Where neither a file nor --listen names a socket: the selection with one.
Selection with_socket(Selection selection, const config::Environment& environment);

/// `given` is the selection as it was typed, `loaded` what with_socket() made of it.
Explained explain(const config::Loaded& loaded, const Selection& given);

std::string show_explanation(const Explanation& explanation, const Paint& paint);

/// A pool that asks for the preload library and whose program cannot load it: what to say of that.
std::string why_not_preloaded(const core::PoolConfig& pool);

/// One JSON object for all of them.
std::string explanations_json(const std::vector<Explanation>& explanations);

}  // namespace reeve::cli

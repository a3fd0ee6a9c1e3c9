// What the command line asks of a running daemon, as values.
#pragma once

#include <string>
#include <variant>

namespace reeve::cli {

/// Which daemon: empty = not given.
struct Whom {
    std::string path;  ///< --admin
    std::string name;  ///< --name
};

struct AskStatus {
    bool json = false;
    bool watch = false;
};

struct AskHealth {
    std::string pool;  ///< empty = the whole daemon
};

struct AskEvents {
    bool follow = false;
    bool json = false;
};

/// An empty pool stands for all.
struct TellReload {
    std::string pool;
    bool changed = false;
    bool dry_run = false;
    bool wait = true;
};

/// `workers`: "8", "+2" or "-1". An empty pool stands for the only one there is.
struct TellScale {
    std::string pool;
    std::string workers;
    bool wait = true;
};

/// To a POOL or POOL/SLOT.
struct TellStart {
    std::string target;
    bool wait = true;
};
struct TellStop {
    std::string target;
    bool wait = true;
};
struct TellRestart {
    std::string target;
    bool wait = true;
};

struct TellSignal {
    std::string target;
    std::string signal;
};

struct TellLogLevel {
    std::string level;
};

struct TellShutdown {
    bool fast = false;
    bool wait = true;
};

using What = std::variant<AskStatus, AskHealth, AskEvents, TellReload, TellScale, TellStart,
                          TellStop, TellRestart, TellSignal, TellLogLevel, TellShutdown>;

struct Ask {
    Whom whom;
    What what;
};

}  // namespace reeve::cli

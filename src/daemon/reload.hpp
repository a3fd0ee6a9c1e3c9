// The configuration in force and the way to another one: read, compared, made ready, taken over.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/load.hpp"
#include "core/action.hpp"
#include "core/command.hpp"
#include "daemon/backend.hpp"
#include "daemon/editions.hpp"
#include "daemon/log.hpp"

namespace reeve::daemon {

class Reloads {
public:
    using Load = std::function<config::Loaded()>;

    /// Makes the first editions. Throws StartError.
    Reloads(Log& log, Sockets& sockets, Editions& editions, const core::Config& config, Load load,
            const os::ResourceLimit& own_nofile);

    /// Reads the configuration again and makes ready what the order wants of it; nothing that runs
    /// has changed then. The answer where there is nothing to do, or nothing can be done.
    std::variant<core::ReloadCommand, Answer> prepare(const ReloadOrder& order);

    /// The core took the command: the generation gets what was made ready for it.
    void begin(const core::BeginGeneration& action);
    /// The reload under way is over.
    void finish(bool succeeded);
    /// What was made ready is not wanted: the core refused the command.
    void drop();

    [[nodiscard]] const core::Config& in_force() const noexcept { return config_; }

private:
    struct Change {
        enum class Kind : std::uint8_t { same, rolled, added, removed };
        std::string pool;
        Kind kind = Kind::same;
        std::vector<std::string> options;  ///< keys of those that differ
    };
    std::vector<Change> compare(core::Config& next, const ReloadOrder& order) const;
    [[nodiscard]] const core::PoolConfig* find(const std::string& pool) const;
    [[nodiscard]] bool env_file_changed(const core::PoolConfig& pool) const;
    [[nodiscard]] std::vector<std::string> restart_notes(const core::Config& next) const;
    static std::string describe(const std::vector<Change>& changes,
                                const std::vector<std::string>& notes);
    void take_over(const core::Config& next);

    Log& log_;
    Sockets& sockets_;
    Editions& editions_;
    core::Config config_;
    Load load_;
    os::ResourceLimit own_nofile_;
    std::map<std::string, std::uint64_t> env_files_;  ///< hash by pool, of what is in force
    std::shared_ptr<const core::Config> next_;
    std::vector<std::shared_ptr<const Edition>> ready_;  ///< by position in next_; null: not rolled
};

}  // namespace reeve::daemon

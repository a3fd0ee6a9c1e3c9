// Reads a configuration again and compares it to the one in force.
#include "daemon/reload.hpp"

#include <algorithm>
#include <utility>

#include "config/show.hpp"
#include "daemon/render_parts.hpp"
#include "daemon/start_error.hpp"

namespace reeve::daemon {
namespace {

std::string joined(const std::vector<std::string>& parts, std::string_view between) {
    std::string all;
    for (const std::string& part : parts) {
        if (!all.empty()) all += between;
        all += part;
    }
    return all;
}

/// Keys of the options in which two configurations of a pool differ.
std::vector<std::string> differences(core::PoolConfig before, core::PoolConfig after) {
    std::vector<std::string> keys;
    for (const config::Option* option : config::options_in(config::Scope::pool)) {
        const std::string was = config::show_value(*option, {nullptr, &before, nullptr});
        if (was != config::show_value(*option, {nullptr, &after, nullptr})) {
            keys.emplace_back(option->key);
        }
    }
    if (before.listen != after.listen) keys.emplace_back("listen");
    if (before.process.env != after.process.env) keys.emplace_back("env");
    if (before.process.rlimits != after.process.rlimits) keys.emplace_back("rlimits");
    return keys;
}

}  // namespace

Reloads::Reloads(Log& log, Sockets& sockets, Editions& editions, const core::Config& config,
                 Load load, const os::ResourceLimit& own_nofile)
    : log_(log),
      sockets_(sockets),
      editions_(editions),
      config_(config),
      load_(std::move(load)),
      own_nofile_(own_nofile) {
    for (std::uint32_t i = 0; i < config.pools.size(); ++i) {
        auto edition = Editions::make(config.pools[i], sockets, own_nofile);
        env_files_[config.pools[i].name] = edition->env_file_hash;
        editions.add(core::PoolIndex{i}, core::Generation{1}, std::move(edition));
    }
}

const core::PoolConfig* Reloads::find(const std::string& pool) const {
    const auto found = std::find_if(config_.pools.begin(), config_.pools.end(),
                                    [&](const auto& each) { return each.name == pool; });
    return found == config_.pools.end() ? nullptr : &*found;
}

bool Reloads::env_file_changed(const core::PoolConfig& pool) const {
    const auto known = env_files_.find(pool.name);
    return known == env_files_.end() || known->second != hash_of_file(pool.process.env_file);
}

/// What the order changes. Of a reload of one pool all others stay as they are: `next` is made so.
std::vector<Reloads::Change> Reloads::compare(core::Config& next, const ReloadOrder& order) const {
    if (!order.pool.empty()) {
        core::Config only = config_;
        for (core::PoolConfig& pool : only.pools) {
            const auto found =
                std::find_if(next.pools.begin(), next.pools.end(),
                             [&](const auto& each) { return each.name == pool.name; });
            if (pool.name == order.pool && found != next.pools.end()) pool = *found;
        }
        next = std::move(only);
    }
    std::vector<Change> changes;
    for (const core::PoolConfig& pool : next.pools) {
        const core::PoolConfig* before = find(pool.name);
        Change change{pool.name, Change::Kind::added, {}};
        if (before != nullptr) {
            change.options = differences(*before, pool);
            if (env_file_changed(pool)) change.options.emplace_back("env_file's contents");
            const bool differs = !change.options.empty();
            const bool wanted = order.pool.empty() || order.pool == pool.name;
            change.kind =
                wanted && (differs || !order.changed) ? Change::Kind::rolled : Change::Kind::same;
        }
        changes.push_back(std::move(change));
    }
    for (const core::PoolConfig& pool : config_.pools) {
        const bool stays = std::any_of(next.pools.begin(), next.pools.end(),
                                       [&](const auto& each) { return each.name == pool.name; });
        if (!stays) changes.push_back({pool.name, Change::Kind::removed, {}});
    }
    return changes;
}

/// Settings that only a new start can change.
std::vector<std::string> Reloads::restart_notes(const core::Config& next) const {
    std::vector<std::string> notes;
    core::Config before = config_;
    core::Config after = next;
    for (const config::Option& option : config::options()) {
        if (option.reload != config::Reload::restart) continue;
        if (option.scope == config::Scope::pool || option.scope == config::Scope::listen) continue;
        const std::string was = config::show_value(option, {&before, nullptr, nullptr});
        if (was == config::show_value(option, {&after, nullptr, nullptr})) continue;
        const std::string_view section = config::section_of(option.scope);
        notes.push_back(text(section, section.empty() ? "" : ".", option.key,
                             ": changes at the next start of reeve only"));
    }
    return notes;
}

std::string Reloads::describe(const std::vector<Change>& changes,
                              const std::vector<std::string>& notes) {
    std::vector<std::string> lines;
    for (const Change& change : changes) {
        std::string line = change.pool + ": ";
        switch (change.kind) {
            case Change::Kind::same: line += "stays as it is"; break;
            case Change::Kind::rolled: line += "workers are replaced"; break;
            case Change::Kind::added: line += "is added"; break;
            case Change::Kind::removed: line += "is removed"; break;
        }
        if (!change.options.empty()) line += " (changed: " + joined(change.options, ", ") + ")";
        lines.push_back(std::move(line));
    }
    lines.insert(lines.end(), notes.begin(), notes.end());
    return joined(lines, "\n");
}

std::variant<core::ReloadCommand, Answer> Reloads::prepare(const ReloadOrder& order) {
    config::Loaded loaded = load_();
    if (!loaded.ok()) return Answer{core::Verdict::invalid, joined(loaded.errors, "\n")};
    core::Config next = std::move(loaded.config);
    const auto is_named = [&](const core::PoolConfig& pool) { return pool.name == order.pool; };
    if (!order.pool.empty() && (find(order.pool) == nullptr ||
                                std::none_of(next.pools.begin(), next.pools.end(), is_named))) {
        return Answer{
            core::Verdict::unknown,
            "no pool " + order.pool +
                (find(order.pool) == nullptr ? " is running" : " in the configuration any more") +
                ": reload all pools to add or remove one"};
    }
    const auto notes = restart_notes(next);
    const auto changes = compare(next, order);
    if (order.dry_run) return Answer{core::Verdict::done, describe(changes, notes)};
    for (const std::string& note : notes) {
        log_.write({core::LogLevel::warning, "needs_restart", {}, note});
    }

    core::ReloadCommand command;
    std::vector<std::shared_ptr<const Edition>> ready;
    try {
        for (std::size_t i = 0; i < next.pools.size(); ++i) {
            const bool roll = changes[i].kind == Change::Kind::rolled;
            command.roll.push_back(roll);
            const bool makes = roll || changes[i].kind == Change::Kind::added;
            ready.push_back(makes ? Editions::make(next.pools[i], sockets_, own_nofile_) : nullptr);
        }
    } catch (const StartError& error) {
        return Answer{core::Verdict::invalid, error.what()};
    }
    next_ = std::make_shared<const core::Config>(std::move(next));
    ready_ = std::move(ready);
    command.config = next_;
    return command;
}

void Reloads::begin(const core::BeginGeneration& action) {
    editions_.add(action.pool, action.generation, ready_[action.position]);
}

void Reloads::drop() {
    next_.reset();
    ready_.clear();
}

void Reloads::finish(bool succeeded) {
    if (succeeded && next_) take_over(*next_);
    drop();
}

void Reloads::take_over(const core::Config& next) {
    for (std::size_t i = 0; i < next.pools.size(); ++i) {
        if (ready_[i] != nullptr) env_files_[next.pools[i].name] = ready_[i]->env_file_hash;
    }
    if (next.log.level != config_.log.level) log_.set_level(next.log.level);
    config_ = next;
}

}  // namespace reeve::daemon

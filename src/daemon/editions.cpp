// Keeps a generation's configuration and sockets for as long as somebody is of it.
#include "daemon/editions.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include "daemon/start_error.hpp"
#include "os/bind_probe.hpp"

namespace reeve::daemon {

std::uint64_t hash_of_file(const std::string& path) {
    if (path.empty()) return 0;
    std::ifstream file{path, std::ios::binary};
    if (!file) return 0;
    constexpr std::uint64_t basis = 14695981039346656037U;
    constexpr std::uint64_t prime = 1099511628211U;
    constexpr std::size_t bytes_max = 1U << 20U;
    std::uint64_t hash = basis;
    std::size_t count = 0;
    for (auto byte = std::istreambuf_iterator<char>{file};
         byte != std::istreambuf_iterator<char>{} && count < bytes_max; ++byte, ++count) {
        hash = (hash ^ static_cast<unsigned char>(*byte)) * prime;
    }
    return hash;
}

std::shared_ptr<const Edition> Editions::make(const core::PoolConfig& pool, Sockets& sockets,
                                              const os::ResourceLimit& own_nofile) {
    auto edition = std::make_shared<Edition>();
    edition->config = pool;
    edition->identity = find_identity(pool, own_nofile);
    edition->sockets = sockets.open(pool);
    if (pool.process.handoff == core::Handoff::adopt) {
        // Once, and not worker by worker: what is missing here is missing for all of them.
        const auto& who = edition->identity.credentials;
        if (const auto able = os::probe_bind_filter(who ? &*who : nullptr); !able) {
            throw StartError(exit_code_resource, "pools." + pool.name + "." + able.error().text());
        }
    }
    edition->env_file_hash = hash_of_file(pool.process.env_file);
    return edition;
}

void Editions::add(core::PoolIndex pool, core::Generation generation,
                   std::shared_ptr<const Edition> edition) {
    if (number(pool) >= entries_.size()) entries_.resize(number(pool) + 1);
    Entry& entry = entries_[number(pool)];
    entry.name = edition->config.name;
    if (entry.generations.empty()) {
        entry.in_force = number(generation);
        entry.leaves = false;
    }
    entry.generations[number(generation)] = std::move(edition);
}

void Editions::keep(core::PoolIndex pool, core::Generation generation) {
    Entry& entry = entries_[number(pool)];
    entry.in_force = number(generation);
    // One that an earlier generation gave up may still be open, and is wanted again.
    for (const NamedListener& socket : in_force(pool).sockets) {
        (void)socket.listener->accept_new_connections();
    }
    refuse_unwanted(entry);
}

void Editions::refuse(core::PoolIndex pool) {
    entries_[number(pool)].leaves = true;
    refuse_unwanted(entries_[number(pool)]);
}

void Editions::end(core::PoolIndex pool, core::Generation generation) {
    Entry& entry = entries_[number(pool)];
    const auto found = entry.generations.find(number(generation));
    if (found == entry.generations.end()) return;
    if (entry.generations.size() == 1) {
        auto last = std::make_shared<Edition>(*found->second);
        last->sockets.clear();
        entry.last = std::move(last);
    }
    entry.generations.erase(found);
}

const Edition& Editions::of(core::PoolIndex pool, core::Generation generation) const {
    const Entry& entry = entries_[number(pool)];
    const auto found = entry.generations.find(number(generation));
    return found == entry.generations.end() ? in_force(pool) : *found->second;
}

const Edition& Editions::in_force(core::PoolIndex pool) const {
    const Entry& entry = entries_[number(pool)];
    const auto found = entry.generations.find(entry.in_force);
    return found == entry.generations.end() ? *entry.last : *found->second;
}

const std::string& Editions::name(core::PoolIndex pool) const {
    return entries_[number(pool)].name;
}

bool Editions::is_wanted(const std::shared_ptr<os::Listener>& listener) const {
    return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
        const auto found = entry.generations.find(entry.in_force);
        if (entry.leaves || found == entry.generations.end()) return false;
        const PoolSockets& sockets = found->second->sockets;
        return std::any_of(sockets.begin(), sockets.end(), [&](const NamedListener& socket) {
            return socket.listener == listener;
        });
    });
}

void Editions::refuse_unwanted(const Entry& entry) const {
    for (const auto& [generation, edition] : entry.generations) {
        for (const NamedListener& socket : edition->sockets) {
            // An abstract socket cannot refuse; it goes with the last worker that has it.
            if (!is_wanted(socket.listener)) (void)socket.listener->refuse_new_connections();
        }
    }
}

}  // namespace reeve::daemon

// The rules of accept: per-worker, and of what needs it.
#include "config/checks.hpp"

namespace reeve::config {

namespace {

/// So many workers the program that steers can tell apart.
constexpr std::uint32_t per_worker_max = 512;

std::string trouble_with(const core::Listen& listen) {
    return "per-worker needs TCP sockets that reeve opens itself, and " + listen.name + " is " +
           (listen.kind == core::Listen::Kind::inherited
                ? "passed by systemd"
                : "a Unix socket, which cannot share its address");
}

}  // namespace

void check_accept(const core::PoolConfig& pool, Reading& reading) {
    const auto& policy = pool.policy;
    const auto report = [&](const std::string& key, const std::string& text) {
        const std::string path = "pools." + pool.name + "." + key;
        reading.problems.add(reading.place_of(path), path, text);
    };
    const bool by_queue = policy.liveness == core::Liveness::queue;
    if (by_queue && policy.timeout.count() == 0) {
        report("liveness", "liveness: queue needs a timeout, which is off");
    }
    if (policy.accept == core::Accept::shared) {
        if (by_queue) report("liveness", "queue looks at queues of accept: per-worker");
        return;
    }
    if (pool.listen.empty()) report("accept", "per-worker, but the pool has no socket (listen)");
    for (const auto& listen : pool.listen) {
        if (listen.kind != core::Listen::Kind::tcp) report("accept", trouble_with(listen));
    }
    if (policy.workers > per_worker_max) {
        report("accept", "per-worker steers to at most " + std::to_string(per_worker_max) +
                             " workers, and workers is " + std::to_string(policy.workers));
    }
}

}  // namespace reeve::config

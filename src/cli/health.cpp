// `reeve health`: one line and an exit code, for HEALTHCHECK and scripts.
#include "cli/health.hpp"

#include <algorithm>
#include <iostream>

#include "cli/client_answer.hpp"
#include "cli/client_trouble.hpp"
#include "cli/exit_code.hpp"
#include "cli/status_table.hpp"

namespace reeve::cli {

namespace {

Health ask_health(Client& client, const std::string& pool) {
    if (!pool.empty()) return health_of(parse_status(expect_good(client.get("/v1/status"))), pool);
    const auto answer = client.get("/readyz");
    if (answer.status == 200) return {true, "ready"};
    const auto line = answer.body.substr(0, answer.body.find('\n'));
    if (answer.status == 503 && !line.starts_with('{')) return {false, harmless(line)};
    return {false, harmless(words_of(answer))};
}

}  // namespace

Health health_of(const DaemonStatus& status, const std::string& name) {
    const auto pool = std::find_if(status.pools.begin(), status.pools.end(),
                                   [&](const PoolStatus& entry) { return entry.name == name; });
    if (pool == status.pools.end()) return {false, name + ": no such pool"};
    auto text = name + ": " + plain(pool->ready) + " of " + plain(pool->desired) + " ready";
    if (status.stopping) return {false, text + ", reeve is stopping"};
    if (pool->held) return {false, text + ", stopped by command"};
    return {pool->ready.value_or(0) >= std::max<std::int64_t>(pool->min_ready.value_or(1), 1),
            std::move(text)};
}

int run_health(Client& client, const AskHealth& ask) {
    Health health;
    try {
        health = ask_health(client, ask.pool);
    } catch (const Trouble& trouble) {
        health.text = trouble.what();
    }
    (health.good ? std::cout : std::cerr)
        << (health.good ? "" : "not ready: ") << health.text << '\n';
    return health.good ? exit_good : exit_failed;
}

}  // namespace reeve::cli

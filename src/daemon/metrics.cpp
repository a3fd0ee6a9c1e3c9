// The only file that knows prometheus-cpp. Counters live in its registry; gauges are made of a view
// at each scrape, so that those of slots and pools that are gone are gone too.
#include "daemon/metrics.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <map>
#include <sstream>
#include <utility>

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "daemon/metric_rows.hpp"
#include <reeve/protocol.h>

namespace reeve::daemon {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

constexpr std::array<std::uint64_t, REEVE_LATENCY_BUCKETS> latency_bounds_us
    REEVE_LATENCY_BOUNDS_US;
static_assert(latency_bounds_us.size() == core::latency_buckets);

const prometheus::Histogram::BucketBoundaries start_bounds{0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                                           1,    2.5,   5,    10,  30,   60};

/// There from the beginning, so that the first of them shows as an increase.
constexpr std::array restart_reasons{
    core::Reason::crash,         core::Reason::boot_failure,    core::Reason::hang,
    core::Reason::start_timeout, core::Reason::requests,        core::Reason::lifetime,
    core::Reason::memory,        core::Reason::reload,          core::Reason::requested,
    core::Reason::rollback,      core::Reason::request_timeout, core::Reason::left_queue};
constexpr std::array<std::string_view, 7> causes{"asked", "own_exit", "exit_code",     "reeve",
                                                 "oom",   "crash",    "foreign_signal"};
constexpr std::array reload_results{ReloadResult::success, ReloadResult::rolled_back,
                                    ReloadResult::invalid};

/// Gathers families whose values are taken from the view.
class Page {
public:
    explicit Page(std::vector<MetricFamily> families) : families_(std::move(families)) {}

    /// What follows belongs to this family.
    void family(MetricType type, std::string name, std::string help) {
        families_.push_back({std::move(name), std::move(help), type, {}});
    }

    void put(Labels labels, double value) {
        ClientMetric& metric = next(std::move(labels));
        metric.gauge.value = value;
        metric.counter.value = value;
    }

    ClientMetric& next(Labels labels) {
        ClientMetric& metric = families_.back().metric.emplace_back();
        metric.label = std::move(labels);
        return metric;
    }

    [[nodiscard]] std::string text() const {
        return prometheus::TextSerializer{}.Serialize(families_);
    }

private:
    std::vector<MetricFamily> families_;
};

/// The counters and histograms of one pool, so that they can go with it.
struct PoolSeries {
    std::map<std::string, prometheus::Counter*, std::less<>> restarts;
    std::map<std::string, prometheus::Counter*, std::less<>> deaths;
    std::map<std::string, prometheus::Counter*, std::less<>> reloads;
    std::map<std::string, prometheus::Counter*, std::less<>> garbage;
    prometheus::Counter* kills = nullptr;
    prometheus::Counter* slow_requests = nullptr;
    prometheus::Histogram* start_duration = nullptr;
};

}  // namespace

struct Metrics::State {
    using Counters = prometheus::Family<prometheus::Counter>;
    using Series = std::map<std::string, prometheus::Counter*, std::less<>>;

    prometheus::Registry registry;
    Counters& restarts = counters("reeve_worker_restarts_total",
                                  "Workers started in place of one that was there before.");
    Counters& deaths =
        counters("reeve_worker_deaths_total", "Worker processes that ended, by what ended them.");
    Counters& kills =
        counters("reeve_worker_kills_total", "Workers killed because they did not leave in time.");
    Counters& slow_requests =
        counters("reeve_slow_requests_total", "Requests that took longer than slow_request.");
    Counters& garbage =
        counters("reeve_worker_garbage_total",
                 "Messages of workers that were dropped because they made no sense.");
    Counters& reloads = counters("reeve_reloads_total", "Reloads of the configuration.");
    prometheus::Counter& lateness = counters("reeve_lateness_seconds_total",
                                             "Time for which reeve itself was not running although "
                                             "it was due.")
                                        .Add({});
    prometheus::Family<prometheus::Histogram>& start_durations =
        prometheus::BuildHistogram()
            .Name("reeve_worker_start_duration_seconds")
            .Help("Time from the start of a worker until it was ready.")
            .Register(registry);
    std::map<std::string, PoolSeries, std::less<>> pools;

    Counters& counters(const char* name, const char* help) {
        return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
    }

    static prometheus::Counter& counter(Series& series, Counters& family, const std::string& pool,
                                        const char* label, std::string_view value) {
        auto found = series.find(value);
        if (found == series.end()) {
            prometheus::Counter& made = family.Add({{"pool", pool}, {label, std::string{value}}});
            found = series.emplace(value, &made).first;
        }
        return *found->second;
    }

    PoolSeries& of(const std::string& pool) {
        const auto found = pools.find(pool);
        if (found != pools.end()) return found->second;
        PoolSeries& made = pools[pool];
        made.kills = &kills.Add({{"pool", pool}});
        made.slow_requests = &slow_requests.Add({{"pool", pool}});
        made.start_duration = &start_durations.Add({{"pool", pool}}, start_bounds);
        for (const core::Reason reason : restart_reasons) {
            counter(made.restarts, restarts, pool, "reason", core::name(reason));
        }
        for (const std::string_view cause : causes) {
            counter(made.deaths, deaths, pool, "cause", cause);
        }
        for (const ReloadResult result : reload_results) {
            counter(made.reloads, reloads, pool, "result", name(result));
        }
        return made;
    }

    void forget(const PoolSeries& series) {
        const auto drop = [](Counters& family, const Series& all) {
            for (const auto& [label, metric] : all) family.Remove(metric);
        };
        drop(restarts, series.restarts);
        drop(deaths, series.deaths);
        drop(reloads, series.reloads);
        drop(garbage, series.garbage);
        kills.Remove(series.kills);
        slow_requests.Remove(series.slow_requests);
        start_durations.Remove(series.start_duration);
    }

    void keep_only(const std::vector<PoolView>& shown) {
        for (const PoolView& pool : shown) of(pool.name);
        std::erase_if(pools, [&](const auto& each) {
            for (const PoolView& pool : shown) {
                if (pool.name == each.first) return false;
            }
            forget(each.second);
            return true;
        });
    }
};

Metrics::Metrics() : state_(std::make_unique<State>()) {}
Metrics::~Metrics() = default;

void Metrics::count(const core::Record& record, const Names& names) {
    State& state = *state_;
    const auto pool_of = [&](const core::About& about) { return names.pool(about.seat.pool); };
    if (const auto* moved = std::get_if<core::Transition>(&record)) {
        if (!is_restart(*moved)) return;
        const std::string pool = pool_of(moved->about);
        State::counter(state.of(pool).restarts, state.restarts, pool, "reason",
                       core::name(moved->reason))
            .Increment();
    } else if (const auto* ready = std::get_if<core::WorkerReady>(&record)) {
        state.of(pool_of(ready->about)).start_duration->Observe(seconds_of(ready->took));
    } else if (const auto* died = std::get_if<core::WorkerDied>(&record)) {
        const std::string pool = pool_of(died->about);
        State::counter(state.of(pool).deaths, state.deaths, pool, "cause", death_cause(*died))
            .Increment();
    } else if (const auto* killed = std::get_if<core::Kill>(&record)) {
        state.of(pool_of(killed->about)).kills->Increment();
    } else if (const auto* slow = std::get_if<core::SlowRequest>(&record)) {
        state.of(pool_of(slow->about))
            .slow_requests->Increment(1 + static_cast<double>(slow->left_out));
    } else if (const auto* dropped = std::get_if<core::GarbageReceived>(&record)) {
        const std::string pool = pool_of(dropped->about);
        State::counter(state.of(pool).garbage, state.garbage, pool, "channel",
                       name(dropped->channel))
            .Increment(static_cast<double>(dropped->count));
    } else if (const auto* reload = std::get_if<core::PoolReload>(&record)) {
        const std::string pool = names.pool(reload->pool);
        const auto result = reload->succeeded ? ReloadResult::success : ReloadResult::rolled_back;
        State::counter(state.of(pool).reloads, state.reloads, pool, "result", name(result))
            .Increment();
    } else if (const auto* late = std::get_if<core::Lateness>(&record)) {
        state.lateness.Increment(seconds_of(late->late));
    }
}

void Metrics::count_invalid_reload(const std::vector<std::string>& pools) {
    for (const std::string& pool : pools) {
        State::counter(state_->of(pool).reloads, state_->reloads, pool, "result",
                       name(ReloadResult::invalid))
            .Increment();
    }
}

namespace {

template <typename Source>
void begin(Page& page, const MetricRow<Source>& row) {
    const bool counts = row.kind == MetricKind::counter;
    page.family(counts ? MetricType::Counter : MetricType::Gauge, row.name, row.help);
}

template <typename Source>
void put(Page& page, const MetricRow<Source>& row, const Source& source, Labels&& labels) {
    if (const auto value = row.value(source)) page.put(std::move(labels), *value);
}

void add_daemon(Page& page, const View& view) {
    page.family(MetricType::Gauge, "reeve_build_info", "The version of reeve; always 1.");
    page.put({{"version", view.version}}, 1);
    for (const auto& row : daemon_metrics()) {
        begin(page, row);
        put(page, row, view, {});
    }
}

void add_histogram(Page& page, const PoolView& pool) {
    ClientMetric::Histogram& histogram = page.next({{"pool", pool.name}}).histogram;
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < latency_bounds_us.size(); ++i) {
        below += pool.counters.latency_counts[i];
        histogram.bucket.push_back({below, static_cast<double>(latency_bounds_us[i]) / 1e6});
    }
    // A worker that counts requests without timing them has nothing in any bucket.
    const bool timed = below != 0 || pool.counters.latency_sum_ns != 0;
    histogram.sample_count = timed ? std::max(below, pool.counters.requests) : 0;
    histogram.sample_sum = static_cast<double>(pool.counters.latency_sum_ns) / 1e9;
    histogram.bucket.push_back({histogram.sample_count, std::numeric_limits<double>::infinity()});
}

void add_pools(Page& page, const View& view) {
    for (const auto& row : pool_metrics()) {
        begin(page, row);
        for (const PoolView& pool : view.pools) put(page, row, pool, {{"pool", pool.name}});
    }
    page.family(MetricType::Histogram, "reeve_request_duration_seconds",
                "Duration of requests, as the workers say.");
    for (const PoolView& pool : view.pools) add_histogram(page, pool);
    page.family(MetricType::Gauge, "reeve_workers",
                "Workers by state; a worker and its successor count both.");
    for (const PoolView& pool : view.pools) {
        for (std::size_t i = 0; i < all_states.size(); ++i) {
            page.put({{"pool", pool.name}, {"state", std::string{core::name(all_states[i])}}},
                     pool.by_state[i]);
        }
    }
    page.family(MetricType::Gauge, "reeve_setting_enforced",
                "Whether a configured limit can be enforced: 0 where a worker never beats.");
    for (const PoolView& pool : view.pools) {
        for (const SettingView& setting : pool.settings) {
            page.put({{"pool", pool.name}, {"setting", std::string{setting.name}}},
                     setting.enforced ? 1 : 0);
        }
    }
}

void add_sockets(Page& page, const View& view) {
    for (const auto& row : socket_metrics()) {
        begin(page, row);
        for (const PoolView& pool : view.pools) {
            for (const SocketView& socket : pool.sockets) {
                put(page, row, socket, {{"pool", pool.name}, {"socket", socket.name}});
            }
        }
    }
}

void add_slots(Page& page, const View& view) {
    for (const auto& row : worker_metrics()) {
        begin(page, row);
        for (const PoolView& pool : view.pools) {
            for (const WorkerView& worker : pool.workers) {
                if (worker.role != Role::current) continue;
                put(page, row, worker,
                    {{"pool", pool.name}, {"slot", std::to_string(worker.slot)}});
            }
        }
    }
    page.family(MetricType::Counter, "reeve_worker_cpu_seconds_total",
                "CPU time of all workers that the slot has had, user and system.");
    for (const PoolView& pool : view.pools) {
        for (const auto& [slot, time] : pool.cpu_time) {
            page.put({{"pool", pool.name}, {"slot", std::to_string(slot)}}, seconds_of(time));
        }
    }
}

}  // namespace

std::string Metrics::render(const View& view) {
    state_->keep_only(view.pools);
    Page page{state_->registry.Collect()};
    add_daemon(page, view);
    add_pools(page, view);
    add_sockets(page, view);
    add_slots(page, view);
    return page.text();
}

}  // namespace reeve::daemon

// How far a command has come, read from the events that it causes.
#include "cli/commands_progress.hpp"

#include <algorithm>

#include "cli/status_table.hpp"

namespace reeve::cli {

namespace {

std::int64_t total_of(const PoolStatus& pool, Progress::Kind kind, bool one_slot) {
    if (one_slot) return 1;
    if (kind != Progress::Kind::stop) return pool.desired.value_or(0);
    return std::count_if(pool.workers.begin(), pool.workers.end(),
                         [](const WorkerStatus& worker) { return worker.pid.value_or(0) > 0; });
}

std::string field(const Event& event, const char* key) {
    const auto found = event.fields.find(key);
    return found == event.fields.end() ? std::string{} : found->second;
}

const char* word_of(Progress::Kind kind) {
    switch (kind) {
        case Progress::Kind::reload:
        case Progress::Kind::replace: return " replaced";
        case Progress::Kind::start: return " ready";
        case Progress::Kind::stop: return " stopped";
    }
    return "";
}

}  // namespace

Progress::Progress(Kind kind, const std::optional<DaemonStatus>& before, const std::string& target)
    : kind_{kind} {
    if (!before) return;
    const auto slash = target.find('/');
    for (const auto& pool : before->pools) {
        if (!target.empty() && pool.name != target.substr(0, slash)) continue;
        totals_[pool.name] = total_of(pool, kind, slash != std::string::npos);
    }
}

std::optional<ProgressLine> Progress::take(const Event& event) {
    const auto pool = field(event, "pool");
    if (event.name == "reload_failure") {
        return ProgressLine{harmless(event.subject + ": " + event.message), true};
    }
    if (pool.empty()) return std::nullopt;
    if (event.name == "scale") {
        const auto from = std::atoll(field(event, "from").c_str());
        const auto to = std::atoll(field(event, "to").c_str());
        kind_ = to > from ? Kind::start : Kind::stop;
        totals_[pool] = std::abs(to - from);
        return std::nullopt;
    }
    if (event.name == "rotation" && kind_ == Kind::reload) {
        if (!proven_.insert(pool).second || done_[pool].empty()) return std::nullopt;
        return line(pool);
    }
    const bool counts = event.name == (kind_ == Kind::stop ? "worker_died" : "worker_ready");
    if (!counts) return std::nullopt;
    const bool is_new =
        done_[pool].insert(field(event, kind_ == Kind::stop ? "pid" : "slot")).second;
    return is_new ? std::optional{line(pool)} : std::nullopt;
}

ProgressLine Progress::line(const std::string& pool) {
    const auto done = static_cast<std::int64_t>(done_[pool].size());
    const auto total = totals_.find(pool);
    auto text = harmless(pool) + ": " + std::to_string(done);
    if (total != totals_.end() && total->second >= done) {
        text += "/" + std::to_string(total->second);
    }
    // The first ones of a reload are on trial, and the old ones stay until that is over.
    const bool on_trial = kind_ == Kind::reload && proven_.count(pool) == 0;
    text += on_trial ? " ready, waiting until it is stable" : word_of(kind_);
    return {std::move(text), false};
}

}  // namespace reeve::cli

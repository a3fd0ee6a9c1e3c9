// Records as log lines: what operators changed, and how it went.
#include "daemon/render_parts.hpp"

namespace reeve::daemon {

using core::LogLevel;

LogLine render_pool(const core::ReloadStart& r, const Names&) {
    LogLine line;
    line.message = text("reload: ", r.pools, r.pools == 1 ? " pool is" : " pools are", " rolled");
    add(line, "pools", r.pools);
    return line;
}

LogLine render_pool(const core::ReloadFailure& r, const Names& names) {
    LogLine line = r.about.incarnation == core::Incarnation::none
                       ? about_pool(names, r.about.seat.pool, LogLevel::error)
                       : about_worker(names, r.about, LogLevel::error);
    line.message = "the reload fails: ";
    if (r.about.incarnation == core::Incarnation::none) {
        line.message += "before_start " + r.how;
    } else if (r.status) {
        line.message += "a new worker " + status_text(*r.status) + " before it was stable";
    } else {
        line.message += text("a new worker is not fit, reason ", name(r.reason));
    }
    if (r.about.incarnation != core::Incarnation::none && !r.how.empty()) {
        line.message += ": " + r.how;
    }
    add(line, "generation", number(r.generation));
    add(line, "reason", name(r.reason));
    if (r.status) add(line, "status", status_text(*r.status));
    if (!r.how.empty()) add(line, "how", r.how);
    if (r.about.incarnation != core::Incarnation::none) {
        add_last_output(line, names.last_output(r.about.incarnation));
    }
    return line;
}

LogLine render_pool(const core::PoolReload& r, const Names& names) {
    LogLine line = about_pool(names, r.pool, r.succeeded ? LogLevel::info : LogLevel::error);
    line.message = text(r.succeeded ? "runs generation " : "rolled back to generation ",
                        number(r.generation), " after ", duration_text(r.took));
    add(line, "generation", number(r.generation));
    add(line, "succeeded", r.succeeded);
    add(line, "took_seconds", r.took);
    return line;
}

LogLine render_pool(const core::Reload& r, const Names&) {
    LogLine line;
    line.level = r.succeeded ? LogLevel::info : LogLevel::error;
    line.message = text(r.succeeded ? "reloaded: " : "reload rolled back: ", r.pools,
                        r.pools == 1 ? " pool" : " pools", " in ", duration_text(r.took));
    add(line, "succeeded", r.succeeded);
    add(line, "pools", r.pools);
    add(line, "took_seconds", r.took);
    return line;
}

LogLine render_pool(const core::PoolRemoved& r, const Names& names) {
    LogLine line = about_pool(names, r.pool, LogLevel::info);
    line.message = "is configured no more: its workers leave";
    return line;
}

LogLine render_pool(const core::QueueLeft& r, const Names& names) {
    LogLine line = about_seat(names, r.seat, LogLevel::warning);
    line.message = text(r.waiting, r.waiting == 1 ? " connection waits" : " connections wait",
                        " for a worker that is not wanted any more: until one sits here again");
    add(line, "waiting", r.waiting);
    return line;
}

std::string steered_text(const core::Steer& action) {
    std::string all = "new connections go to";
    for (const core::Place& place : action.places) {
        all += text(&place == &action.places.front() ? " " : ", ", number(place.slot),
                    place.side == core::Side::a ? "a" : "b");
    }
    return all;
}

LogLine render_pool(const core::Scale& r, const Names& names) {
    LogLine line = about_pool(names, r.pool, LogLevel::info);
    line.message = text("scaled from ", r.from, " to ", r.to, " workers, until the next reload");
    add(line, "from", r.from);
    add(line, "to", r.to);
    return line;
}

LogLine render_pool(const core::PoolHold& r, const Names& names) {
    LogLine line = r.slot ? about_seat(names, core::Seat{r.pool, *r.slot}, LogLevel::info)
                          : about_pool(names, r.pool, LogLevel::info);
    line.message = r.held ? "stopped by command" : "may run again";
    add(line, "held", r.held);
    return line;
}

LogLine render_pool(const core::BeforeStart& r, const Names& names) {
    LogLine line = about_pool(names, r.pool, r.succeeded ? LogLevel::info : LogLevel::error);
    line.message = "before_start " + r.how;
    add(line, "succeeded", r.succeeded);
    return line;
}

}  // namespace reeve::daemon

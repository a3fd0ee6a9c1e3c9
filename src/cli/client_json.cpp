// What the daemon says, as values. The only file of the client that knows Boost.JSON.
#include "cli/client_json.hpp"

#include <cmath>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "cli/client_trouble.hpp"
#include "cli/exit_code.hpp"

namespace reeve::cli {

namespace {

namespace json = boost::json;

const json::value* find(const json::object& from, std::string_view key) {
    return from.if_contains(json::string_view{key.data(), key.size()});
}

/// Whatever it is, as people would write it; nothing for null, false and what has parts.
std::string text_of(const json::value* value) {
    if (value == nullptr || value->is_null()) return {};
    if (const auto* text = value->if_string()) return {text->data(), text->size()};
    if (const auto* yes = value->if_bool()) return *yes ? "yes" : "";
    return value->is_structured() ? std::string{} : json::serialize(*value);
}

std::string text(const json::object& from, std::string_view key) {
    return text_of(find(from, key));
}

Seconds real(const json::object& from, std::string_view key) {
    const auto* value = find(from, key);
    if (value == nullptr || !value->is_number()) return {};
    return value->to_number<double>();
}

Number number(const json::object& from, std::string_view key) {
    const auto* value = find(from, key);
    if (value == nullptr) return {};
    if (const auto* whole = value->if_int64()) return *whole;
    constexpr double limit = 9e18;
    const auto other = real(from, key);
    if (!other || std::abs(*other) > limit) return {};
    return static_cast<std::int64_t>(*other);
}

bool yes(const json::object& from, std::string_view key) {
    const auto* value = find(from, key);
    return value != nullptr && value->is_bool() && value->get_bool();
}

const json::object* object(const json::object& from, std::string_view key) {
    const auto* value = find(from, key);
    return value == nullptr ? nullptr : value->if_object();
}

/// Every object of an array.
template <typename Take>
void each(const json::object& from, std::string_view key, Take take) {
    const auto* value = find(from, key);
    const auto* array = value == nullptr ? nullptr : value->if_array();
    if (array == nullptr) return;
    for (const auto& entry : *array) {
        if (const auto* parts = entry.if_object()) take(*parts);
    }
}

DeathStatus parse_death(const json::object& from) {
    return {number(from, "slot"),     number(from, "pid"), text(from, "status"),
            text(from, "reason"),     text(from, "cause"), text(from, "time"),
            text(from, "last_output")};
}

ReloadStatus parse_reload(const json::object& from) {
    return {text(from, "result"), text(from, "time"), real(from, "took_seconds"),
            text(from, "why")};
}

SocketStatus parse_socket(const json::object& from) {
    return {text(from, "name"), text(from, "address"), number(from, "queue"),
            number(from, "queue_max")};
}

WorkerStatus parse_worker(const json::object& from) {
    WorkerStatus worker;
    worker.slot = number(from, "slot");
    worker.pid = number(from, "pid");
    worker.state = text(from, "state");
    worker.generation = number(from, "generation");
    worker.age = real(from, "age_seconds");
    worker.beat_age = real(from, "beat_age_seconds");
    worker.requests = number(from, "requests");
    worker.in_flight = number(from, "in_flight");
    worker.resident_bytes = number(from, "resident_bytes");
    worker.reason = text(from, "reason");
    worker.due = text(from, "due");
    worker.role = text(from, "role");
    return worker;
}

/// Setting names, or objects that name one.
std::vector<std::string> parse_settings(const json::object& from) {
    std::vector<std::string> out;
    const auto* value = find(from, "not_enforced");
    const auto* array = value == nullptr ? nullptr : value->if_array();
    if (array == nullptr) return out;
    for (const auto& entry : *array) {
        const auto* parts = entry.if_object();
        auto setting = parts == nullptr ? text_of(&entry) : text(*parts, "setting");
        if (!setting.empty()) out.push_back(std::move(setting));
    }
    return out;
}

PoolStatus parse_pool(std::string name, const json::object& from) {
    PoolStatus pool;
    pool.name = std::move(name);
    pool.generation = number(from, "generation");
    pool.desired = number(from, "desired");
    pool.configured = number(from, "configured");
    pool.ready = number(from, "ready");
    pool.min_ready = number(from, "min_ready");
    pool.draining = number(from, "draining");
    pool.restarts = number(from, "restarts");
    if (const auto* death = object(from, "last_death")) pool.last_death = parse_death(*death);
    if (const auto* reload = object(from, "last_reload")) pool.last_reload = parse_reload(*reload);
    pool.config_diverged = yes(from, "config_diverged");
    pool.degraded = yes(from, "degraded");
    pool.held = yes(from, "held");
    pool.reloading = yes(from, "reloading");
    pool.not_enforced = parse_settings(from);
    each(from, "sockets", [&](const auto& entry) { pool.sockets.push_back(parse_socket(entry)); });
    each(from, "workers", [&](const auto& entry) { pool.workers.push_back(parse_worker(entry)); });
    return pool;
}

std::optional<json::object> parse_object(std::string_view text) {
    boost::system::error_code error;
    auto value = json::parse(json::string_view{text.data(), text.size()}, error);
    if (error || !value.is_object()) return std::nullopt;
    return std::move(value.get_object());
}

/// "web/0 pid 4711", as the daemon's log has it.
std::string subject_of(const std::map<std::string, std::string>& fields) {
    const auto part = [&](const char* key, const char* before) {
        const auto found = fields.find(key);
        return found == fields.end() ? std::string{} : before + found->second;
    };
    return part("pool", "") + part("slot", "/") + part("pid", " pid ");
}

}  // namespace

DaemonStatus parse_status(std::string_view text_of_status) {
    const auto from = parse_object(text_of_status);
    if (!from) throw Trouble{exit_failed, "the daemon's status is no JSON object"};
    DaemonStatus status;
    status.version = text(*from, "version");
    status.pid = number(*from, "pid");
    status.uptime = real(*from, "uptime_seconds");
    status.stopping = yes(*from, "stopping");
    status.config_diverged = yes(*from, "config_diverged");
    if (const auto* reload = object(*from, "last_reload")) {
        status.last_reload = parse_reload(*reload);
    }
    if (const auto* pools = object(*from, "pools")) {
        for (const auto& [name, pool] : *pools) {
            if (const auto* parts = pool.if_object()) {
                status.pools.push_back(parse_pool({name.data(), name.size()}, *parts));
            }
        }
    }
    return status;
}

Event parse_event(std::string_view name, std::string_view data) {
    Event event;
    event.name = name;
    const auto from = parse_object(data);
    if (!from) {
        event.message = data;
        return event;
    }
    const auto take_fields = [&](const json::object& fields) {
        for (const auto& [key, value] : fields) {
            if (!value.is_structured()) event.fields[std::string{key}] = text_of(&value);
        }
    };
    take_fields(*from);
    if (const auto* fields = object(*from, "fields")) take_fields(*fields);
    const auto pull = [&](const char* key) {
        auto node = event.fields.extract(key);
        return node.empty() ? std::string{} : std::move(node.mapped());
    };
    event.time = pull("time");
    event.level = pull("level");
    event.message = pull("message");
    event.subject = pull("subject");
    auto own_name = pull("event");
    if (event.name.empty()) event.name = std::move(own_name);
    if (event.subject.empty()) event.subject = subject_of(event.fields);
    return event;
}

Verdict parse_verdict(std::string_view body) {
    const auto from = parse_object(body);
    if (!from) return {{}, std::string{body}};
    return {text(*from, "verdict"), text(*from, "text")};
}

std::string make_body(std::initializer_list<std::pair<std::string_view, BodyValue>> members) {
    json::object object;
    for (const auto& [key, value] : members) {
        const json::string_view name{key.data(), key.size()};
        if (const auto* flag = std::get_if<bool>(&value)) {
            object[name] = *flag;
        } else if (const auto& word = std::get<std::string>(value); !word.empty()) {
            object[name] = word;
        }
    }
    return json::serialize(object);
}

}  // namespace reeve::cli

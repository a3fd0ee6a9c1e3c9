// Renders the fields of events, actions and records, as text or as a hash.
#include "sim/trace.hpp"

#include <cstdio>
#include <string_view>
#include <type_traits>

#include "sim/fields.hpp"

namespace reeve::sim {
namespace {

std::string seconds_text(core::Duration duration) {
    char text[32];
    std::snprintf(text, sizeof text, "%.6fs", static_cast<double>(duration.count()) / 1e9);
    return text;
}

struct Text {
    std::string out;

    template <typename... Fields>
    void operator()(std::string_view name, const Fields&... rest) {
        out += name;
        ((out += ' ', put(rest)), ...);
    }

    void put(core::Incarnation id) { out += '#' + std::to_string(number(id)); }
    void put(core::Generation id) { out += "gen" + std::to_string(number(id)); }
    void put(core::PoolIndex id) { out += "pool" + std::to_string(number(id)); }
    void put(const core::Seat& seat) {
        out += std::to_string(number(seat.pool)) + '/' + std::to_string(number(seat.slot));
    }
    void put(const std::vector<core::Place>& places) {
        for (const core::Place& place : places) {
            put(number(place.slot));
            put(place.side == core::Side::a ? "a " : "b ");
        }
    }
    void put(const core::About& about) {
        put(about.seat);
        put(about.incarnation);
    }
    void put(core::Duration duration) { out += seconds_text(duration); }
    void put(core::Time time) { out += '@' + seconds_text(time.time_since_epoch()); }
    void put(const std::optional<core::Time>& time) { time ? put(*time) : put("-"); }
    void put(core::State state) { out += name(state); }
    void put(core::Reason reason) { out += name(reason); }
    void put(core::ReadySign sign) { out += name(sign); }
    void put(core::HangSign sign) { out += name(sign); }
    void put(core::Notice notice) { out += name(notice); }
    void put(core::StopMode mode) { out += name(mode); }
    void put(const core::ProcessKey& key) {
        out += 'p' + std::to_string(key.process) + '.' + std::to_string(key.image);
    }
    void put(const core::ExitStatus& status) {
        if (const auto* code = std::get_if<core::ExitedWith>(&status)) {
            out += "exit=" + std::to_string(code->code);
        } else if (const auto* signal = std::get_if<core::KilledBy>(&status)) {
            out +=
                "signal=" + std::to_string(signal->signal) + (signal->core_dumped ? "+core" : "");
        } else {
            out += "lost";
        }
    }
    void put(std::string_view text) { out += text; }
    void put(const char* text) { out += text; }
    void put(const std::string& text) { out += text; }
    void put(bool flag) { out += flag ? "yes" : "no"; }
    template <typename Number>
    requires std::is_integral_v<Number>
    void put(Number value) { out += std::to_string(value); }
    template <typename Enum>
    requires std::is_enum_v<Enum>
    void put(Enum value) { out += std::to_string(static_cast<unsigned>(value)); }
};

struct Hash {
    TraceHash& to;

    template <typename... Fields>
    void operator()(std::string_view name, const Fields&... rest) {
        put(name);
        (put(rest), ...);
    }

    void put(const core::Seat& seat) {
        put(seat.pool);
        put(seat.slot);
    }
    void put(const std::vector<core::Place>& places) {
        for (const core::Place& place : places) {
            put(place.slot);
            put(place.side);
            put(place.generation);
        }
    }
    void put(const core::About& about) {
        put(about.seat);
        put(about.incarnation);
    }
    void put(core::Duration duration) { put(duration.count()); }
    void put(core::Time time) { put(time.time_since_epoch()); }
    void put(const std::optional<core::Time>& time) { put(time.value_or(core::Time{})); }
    void put(const core::ProcessKey& key) {
        put(key.process);
        put(key.image);
    }
    void put(const core::ExitStatus& status) {
        put(status.index());
        if (const auto* code = std::get_if<core::ExitedWith>(&status)) put(code->code);
        if (const auto* signal = std::get_if<core::KilledBy>(&status)) put(signal->signal);
    }
    void put(std::string_view text) {
        put(text.size());
        for (const char c : text) put(static_cast<unsigned char>(c));
    }
    template <typename Value>
    requires(std::is_integral_v<Value> || std::is_enum_v<Value>) void put(Value value) {
        to.add(static_cast<std::uint64_t>(value));
    }
};

template <typename Variant>
std::string text(const Variant& variant) {
    Text writer;
    std::visit([&](const auto& each) { fields(each, writer); }, variant);
    return writer.out;
}

}  // namespace

std::string text_of(const core::Event& event) { return text(event); }
std::string text_of(const core::Action& action) { return text(action); }
std::string text_of(const core::Record& record) { return text(record); }
std::string text_of(core::Time time) { return seconds_text(time.time_since_epoch()); }

void TraceHash::add(std::uint64_t value) noexcept {
    value_ = (value_ ^ value) * 0x9fb21c651e98df25U;
    value_ ^= value_ >> 28U;
}

void TraceHash::add(const core::Output& out, core::Time now) {
    Hash hash{*this};
    hash.put(now);
    for (const auto& action : out.actions) {
        add(action.index());
        std::visit([&](const auto& each) { fields(each, hash); }, action);
    }
    for (const auto& record : out.records) {
        add(record.index());
        std::visit([&](const auto& each) { fields(each, hash); }, record);
    }
}

}  // namespace reeve::sim

// What the script that executes a Gunicorn configuration printed.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "config/words.hpp"
#include "import/gunicorn.hpp"

namespace reeve::imports {

namespace {

namespace json = boost::json;
using Result = config::Parsed<GunicornFile>;

std::string text_of(const json::value& value) {
    const auto* text = value.if_string();
    return text == nullptr ? std::string{} : std::string{text->c_str(), text->size()};
}

const json::value& member(const json::object& of, std::string_view name) {
    static const json::value nothing;
    const auto* found = of.if_contains({name.data(), name.size()});
    return found == nullptr ? nothing : *found;
}

std::vector<std::string> texts_of(const json::value& value) {
    std::vector<std::string> out;
    const auto* items = value.if_array();
    if (items == nullptr) return out;
    for (const auto& item : *items) out.push_back(text_of(item));
    return out;
}

/// A number as Python would show it: 30.0 is no other number than 30 for us.
std::string number_of(const json::value& value) {
    auto text = json::serialize(value);
    if (value.is_double()) {
        const auto whole = static_cast<std::int64_t>(value.get_double());
        if (static_cast<double>(whole) == value.get_double()) text = std::to_string(whole);
    }
    return text;
}

Value value_of(const json::value& from);

Value list_of(const json::array& from) {
    Value out{Value::Kind::list, {}, {}};
    for (const auto& item : from) out.items.push_back(value_of(item).text);
    out.text = config::join(out.items);
    return out;
}

Value value_of_object(const json::object& from) {
    if (const auto function = text_of(member(from, "function")); !function.empty()) {
        return {Value::Kind::function, function + "()", {}};
    }
    if (const auto* entries = member(from, "map").if_array()) {
        return {Value::Kind::map, std::to_string(entries->size()) + " entries", {}};
    }
    return {Value::Kind::other, text_of(member(from, "repr")), {}};
}

Value value_of(const json::value& from) {
    switch (from.kind()) {
        case json::kind::null: return {};
        case json::kind::bool_:
            return {Value::Kind::boolean, from.get_bool() ? "True" : "False", {}};
        case json::kind::int64:
        case json::kind::uint64:
        case json::kind::double_: return {Value::Kind::number, number_of(from), {}};
        case json::kind::string: return {Value::Kind::text, text_of(from), {}};
        case json::kind::array: return list_of(from.get_array());
        case json::kind::object: return value_of_object(from.get_object());
    }
    return {};
}

/// "2 x CPUs + 1" of [2, 1].
std::string formula_of(const json::value& value) {
    const auto* parts = value.if_array();
    if (parts == nullptr || parts->size() != 2) return {};
    const auto times = number_of(parts->front());
    const auto plus = number_of(parts->back());
    if (plus == "0") return times == "1" ? "CPUs" : times + " x CPUs";
    const bool less = plus.starts_with('-');
    return (times == "1" ? "" : times + " x ") + "CPUs " + (less ? "- " : "+ ") +
           (less ? plus.substr(1) : plus);
}

Given given_of(const Setting& setting, const json::object& about, const std::string& location) {
    Given out;
    out.setting = &setting;
    out.value = value_of(member(about, "value"));
    const auto* line = member(about, "line").if_int64();
    out.from = location + (line == nullptr ? "" : ":" + std::to_string(*line));
    out.with = texts_of(member(about, "with"));
    out.variables = texts_of(member(about, "variables"));
    out.depends = texts_of(member(about, "depends"));
    out.cpus = !member(about, "cpus").is_null();
    out.formula = formula_of(member(about, "cpus"));
    return out;
}

/// "./gunicorn.conf.py" as people call it.
std::string shown(std::string location) {
    if (location.starts_with("file:")) location.erase(0, 5);
    if (location.starts_with("./")) location.erase(0, 2);
    return location;
}

}  // namespace

Result read_gunicorn_answer(std::string_view text, const std::string& location) {
    boost::system::error_code error;
    const auto answer = json::parse({text.data(), text.size()}, error);
    const auto* all = error ? nullptr : answer.if_object();
    if (all == nullptr) return Result::failure(shown(location) + ": Python gave no answer");
    if (const auto* failed = member(*all, "error").if_object()) {
        const auto* line = member(*failed, "line").if_int64();
        return Result::failure(shown(location) +
                               (line == nullptr ? "" : ":" + std::to_string(*line)) + ": " +
                               text_of(member(*failed, "text")));
    }
    GunicornFile out;
    out.location = shown(text_of(member(*all, "location")));
    if (const auto* complete = member(*all, "complete").if_bool()) out.complete = *complete;
    if (const auto* programs = member(*all, "programs").if_object()) {
        out.uvicorn = text_of(member(*programs, "uvicorn"));
        out.gunicorn = text_of(member(*programs, "gunicorn"));
        out.python = text_of(member(*programs, "python3"));
    }
    out.unknown = texts_of(member(*all, "others"));
    const auto* settings = member(*all, "settings").if_object();
    if (settings == nullptr) return Result::success(std::move(out));
    for (const auto& setting : gunicorn_settings()) {
        const auto* about = member(*settings, setting.name).if_object();
        if (about != nullptr) out.given.push_back(given_of(setting, *about, out.location));
    }
    return Result::success(std::move(out));
}

}  // namespace reeve::imports

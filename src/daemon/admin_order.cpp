// From the arguments of a request to an order.
#include "daemon/admin_order.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <vector>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "config/options.hpp"
#include "config/values.hpp"
#include "config/words.hpp"
#include "daemon/http_message.hpp"

namespace reeve::daemon {
namespace {

using config::quoted;

/// Which arguments a command knows.
struct Form {
    std::string_view name;
    std::array<std::string_view, 4> members;
};

constexpr std::array forms{
    Form{"reload", {"pool", "changed", "dry_run", "wait"}},
    Form{"scale", {"pool", "workers", "wait"}},
    Form{"start", {"target", "wait"}},
    Form{"stop", {"target", "wait"}},
    Form{"restart", {"target", "wait"}},
    Form{"signal", {"target", "signal"}},
    Form{"log-level", {"level"}},
    Form{"shutdown", {"mode"}},
};

constexpr auto names = [] {
    std::array<std::string_view, forms.size()> out;
    for (std::size_t i = 0; i < forms.size(); ++i) out[i] = forms[i].name;
    return out;
}();

/// The arguments of one request, by name, as text. What is wrong with them is kept, the first
/// only; what is read after that means nothing.
class Arguments {
public:
    Arguments(const Form& form, std::string_view query, std::string_view body) : form_(form) {
        read_query(query);
        read_body(body);
    }

    void refuse(std::string text, unsigned status = 422) {
        if (!problem_) problem_ = OrderProblem{status, std::move(text)};
    }
    [[nodiscard]] const std::optional<OrderProblem>& problem() const { return problem_; }

    [[nodiscard]] std::optional<std::string> find(std::string_view name) const {
        const auto found = values_.find(name);
        return found == values_.end() ? std::nullopt : std::optional{found->second};
    }

    [[nodiscard]] std::string text(std::string_view name) const {
        return find(name).value_or(std::string{});
    }

    /// Never empty, unless it was refused.
    [[nodiscard]] std::string needed(std::string_view name) {
        auto value = text(name);
        if (value.empty()) refuse(std::string{name} + " is missing");
        return value;
    }

    /// Without a value it means yes: "?dry_run".
    [[nodiscard]] bool flag(std::string_view name, bool fallback) {
        const auto value = find(name);
        if (!value) return fallback;
        if (value->empty() || *value == "1") return true;
        if (*value == "0") return false;
        const auto parsed = config::parse_bool(*value);
        if (!parsed.ok()) refuse(std::string{name} + ": " + parsed.error);
        return parsed.value;
    }

    [[nodiscard]] std::string summary() const {
        std::string out{form_.name};
        for (const auto& [name, value] : values_) out.append(" ").append(name) += "=" + value;
        constexpr std::size_t summary_max = 200;
        if (out.size() > summary_max) out.replace(summary_max, std::string::npos, "...");
        return out;
    }

private:
    void add(std::string name, std::string value) {
        const auto end = std::find(form_.members.begin(), form_.members.end(), std::string_view{});
        if (std::find(form_.members.begin(), end, name) == end) {
            const std::vector<std::string> known{form_.members.begin(), end};
            return refuse(std::string{form_.name} + " knows no " + quoted(name) + "; it knows " +
                          config::join(known));
        }
        const auto [at, is_new] = values_.emplace(std::move(name), std::move(value));
        if (!is_new) refuse(at->first + " is given twice");
    }

    void read_query(std::string_view query) {
        while (!query.empty()) {
            const auto end = std::min(query.find('&'), query.size());
            const auto part = query.substr(0, end);
            query.remove_prefix(std::min(end + 1, query.size()));
            if (part.empty()) continue;
            const auto equals = std::min(part.find('='), part.size());
            auto name = percent_decoded(part.substr(0, equals));
            auto value = percent_decoded(part.substr(std::min(equals + 1, part.size())));
            if (!name || !value) {
                return refuse("a '%' in the query is not followed by two digits", 400);
            }
            add(std::move(*name), std::move(*value));
        }
    }

    void read_body(std::string_view body) {
        if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) return;
        boost::json::error_code error;
        constexpr std::size_t depth_max = 4;
        boost::json::parse_options options;
        options.max_depth = depth_max;
        const auto value = boost::json::parse({body.data(), body.size()}, error, {}, options);
        if (error) {
            return refuse("the body is not JSON: " + error.message() +
                              "; arguments may also stand in the query",
                          400);
        }
        if (!value.is_object()) return refuse("the body must be a JSON object", 400);
        for (const auto& member : value.get_object()) {
            add(std::string{member.key()}, as_text(std::string{member.key()}, member.value()));
        }
    }

    std::string as_text(const std::string& name, const boost::json::value& value) {
        switch (value.kind()) {
            case boost::json::kind::string: return std::string{value.get_string()};
            case boost::json::kind::bool_: return value.get_bool() ? "true" : "false";
            case boost::json::kind::int64:
                if (value.get_int64() >= 0) return std::to_string(value.get_int64());
                refuse(name + ": write a number below 0 as a string, like \"-1\"");
                return {};
            case boost::json::kind::uint64: return std::to_string(value.get_uint64());
            case boost::json::kind::null:
            case boost::json::kind::double_:
            case boost::json::kind::array:
            case boost::json::kind::object: break;
        }
        refuse(name + " must be a string, a whole number or a boolean");
        return {};
    }

    const Form& form_;
    std::map<std::string, std::string, std::less<>> values_;
    std::optional<OrderProblem> problem_;
};

/// "8", "+2", "-1".
core::ScaleCommand scale_command(Arguments& arguments) {
    core::ScaleCommand command;
    command.pool = arguments.text("pool");
    const std::string text = arguments.needed("workers");
    if (text.empty()) return command;
    command.relative = text.front() == '+' || text.front() == '-';
    const char* const begin = text.data() + (command.relative ? 1 : 0);
    const char* const end = text.data() + text.size();
    constexpr std::uint32_t amount_max = 1'000'000;
    std::uint32_t amount = 0;  // without a sign: a second one is refused
    const auto [stop, error] = std::from_chars(begin, end, amount);
    if (error != std::errc{} || stop != end || amount > amount_max) {
        arguments.refuse("workers: " + quoted(text) +
                         " is neither a number nor a change like +2 or -1");
        return command;
    }
    command.amount = text.front() == '-' ? -std::int64_t{amount} : std::int64_t{amount};
    return command;
}

/// "POOL" or "POOL/SLOT".
core::Target target(Arguments& arguments) {
    const std::string text = arguments.needed("target");
    const auto slash = text.find('/');
    core::Target out{text.substr(0, slash), std::nullopt};
    if (slash == std::string::npos) return out;
    std::uint32_t slot = 0;
    const char* const begin = text.data() + slash + 1;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(begin, end, slot);
    if (out.pool.empty() || error != std::errc{} || stop != end) {
        arguments.refuse("target: " + quoted(text) + " is neither POOL nor POOL/SLOT");
    }
    out.slot = core::SlotIndex{slot};
    return out;
}

core::SignalCommand signal_command(Arguments& arguments) {
    core::SignalCommand command{target(arguments), 0};
    const std::string text = arguments.needed("signal");
    if (text.empty()) return command;
    const auto parsed = config::parse_signal(text);
    if (!parsed.ok()) arguments.refuse("signal: " + parsed.error);
    command.signal = parsed.value;
    return command;
}

/// The words are those of the option log.level.
LogLevelOrder log_level_order(Arguments& arguments) {
    const std::string text = arguments.needed("level");
    const auto& kind =
        std::get<config::ChoiceKind>(config::find_option(config::Scope::log, "level")->kind);
    std::vector<std::string> known;
    for (const config::Choice& choice : kind.choices) {
        if (choice.name == text) return {static_cast<core::LogLevel>(choice.value)};
        known.emplace_back(choice.name);
    }
    arguments.refuse("level: " + quoted(text) + " is none of " + config::join(known));
    return {};
}

ShutdownOrder shutdown_order(Arguments& arguments) {
    const auto mode = arguments.find("mode").value_or("graceful");
    if (mode == "graceful") return {core::StopMode::graceful};
    if (mode == "fast") return {core::StopMode::fast};
    arguments.refuse("mode: " + quoted(mode) + " is neither graceful nor fast");
    return {};
}

Order make_order(std::string_view name, Arguments& arguments) {
    if (name == "reload") {
        return ReloadOrder{arguments.text("pool"), arguments.flag("changed", false),
                           arguments.flag("dry_run", false)};
    }
    if (name == "scale") return scale_command(arguments);
    if (name == "start") return core::StartCommand{target(arguments)};
    if (name == "stop") return core::StopCommand{target(arguments)};
    if (name == "restart") return core::RestartCommand{target(arguments)};
    if (name == "signal") return signal_command(arguments);
    if (name == "log-level") return log_level_order(arguments);
    return shutdown_order(arguments);
}

}  // namespace

std::span<const std::string_view> order_names() { return names; }

std::variant<OrderRequest, OrderProblem> read_order(std::string_view name, std::string_view query,
                                                    std::string_view body) {
    const auto form = std::find_if(forms.begin(), forms.end(),
                                   [&](const Form& known) { return known.name == name; });
    if (form == forms.end()) return OrderProblem{404, "no such command"};
    Arguments arguments{*form, query, body};
    OrderRequest request{make_order(name, arguments), arguments.flag("wait", true),
                         arguments.summary()};
    if (arguments.problem()) return *arguments.problem();
    return request;
}

}  // namespace reeve::daemon

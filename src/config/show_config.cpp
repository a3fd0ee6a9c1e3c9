// A configuration as YAML.
#include <algorithm>
#include <limits>

#include "config/address.hpp"
#include "config/show.hpp"
#include "config/values.hpp"
#include "config/words.hpp"

namespace reeve::config {

namespace {

constexpr auto hidden = "<hidden>";

std::string flow_list(const std::vector<std::string>& items) { return "[" + join(items) + "]"; }

/// Gives each kind of value as text on one line; empty where there is none.
struct Shown {
    const Target& target;

    std::string operator()(const BoolKind& kind) const { return kind.ref(target) ? "yes" : "no"; }
    std::string operator()(const DurationKind& kind) const {
        const auto value = kind.ref(target);
        return value.count() == 0 && !kind.zero.empty() ? std::string{kind.zero}
                                                        : format_duration(value);
    }
    std::string operator()(const CountKind& kind) const {
        const auto value = kind.get(target);
        return value == 0 && !kind.zero.empty() ? std::string{kind.zero} : std::to_string(value);
    }
    std::string operator()(const BytesKind& kind) const {
        const auto value = kind.ref(target);
        return value == 0 && !kind.zero.empty() ? std::string{kind.zero} : format_bytes(value);
    }
    std::string operator()(const WorkersKind& kind) const {
        return std::to_string(kind.ref(target));
    }
    std::string operator()(const ChoiceKind& kind) const {
        const auto value = kind.get(target);
        const auto found =
            std::find_if(kind.choices.begin(), kind.choices.end(),
                         [&](const Choice& choice) { return choice.value == value; });
        return found == kind.choices.end() ? std::string{} : std::string{found->name};
    }
    std::string operator()(const TextKind& kind) const {
        const auto& value = kind.ref(target);
        return value.empty() ? std::string{} : yaml_string(value);
    }
    std::string operator()(const CommandKind& kind) const {
        std::vector<std::string> words;
        for (const auto& word : kind.ref(target)) {
            words.push_back(yaml_string(word));
        }
        return words.empty() ? std::string{} : flow_list(words);
    }
    std::string operator()(const SignalKind& kind) const { return format_signal(kind.ref(target)); }
    std::string operator()(const ExitCodesKind& kind) const {
        std::vector<std::string> codes;
        for (const int code : kind.ref(target)) {
            codes.push_back(std::to_string(code));
        }
        return codes.empty() ? std::string{} : flow_list(codes);
    }
    std::string operator()(const EnvironmentKind& /*kind*/) const { return {}; }
    std::string operator()(const LimitsKind& /*kind*/) const { return {}; }
    std::string operator()(const OctalKind& kind) const {
        const auto value = kind.get(target);
        return value ? format_octal(*value) : std::string{};
    }
    std::string operator()(const IntegerKind& kind) const {
        const auto value = kind.get(target);
        return value ? std::to_string(*value) : std::string{};
    }
    std::string operator()(const ListenKind& /*kind*/) const { return {}; }
    std::string operator()(const AddressKind& /*kind*/) const {
        return yaml_string(format_address(*target.listen));
    }
    std::string operator()(const NamesKind& kind) const {
        std::vector<std::string> names;
        for (const auto& name : kind.ref(target)) {
            names.push_back(yaml_string(name));
        }
        return names.empty() ? std::string{} : flow_list(names);
    }
    std::string operator()(const PathOrNoneKind& kind) const {
        if (!kind.enabled(target)) return "none";
        const auto& value = kind.ref(target);
        return value.empty() ? std::string{} : yaml_string(value);
    }
    std::string operator()(const AddressOrOffKind& kind) const {
        const auto& value = kind.ref(target);
        return value ? yaml_string(format_address(*value)) : "off";
    }
};

bool applies(const Option& option, const core::Listen& listen) {
    const bool tcp = listen.kind == core::Listen::Kind::tcp;
    const bool inherited = listen.kind == core::Listen::Kind::inherited;
    if (option.key == "nodelay") return tcp || inherited;
    if (option.key == "backlog") return !inherited;
    if (option.key == "v6only") return tcp && listen.host.find(':') != std::string::npos;
    if (option.key == "mode") return listen.kind == core::Listen::Kind::unix_path;
    return true;
}

void show_entry(std::string& out, std::size_t indent, std::string_view key,
                const std::string& value) {
    out += std::string(indent, ' ') + std::string{key} + ":" + (value.empty() ? "" : " " + value) +
           "\n";
}

void show_options(std::string& out, std::size_t indent, Scope scope, const Target& target) {
    for (const auto* option : options_in(scope)) {
        const auto value = show_value(*option, target);
        if (!value.empty()) show_entry(out, indent, option->key, value);
    }
}

void show_sockets(std::string& out, core::Config& config, core::PoolConfig& pool) {
    if (pool.listen.empty()) return;
    show_entry(out, 4, "listen", {});
    for (auto& listen : pool.listen) {
        show_entry(out, 6, yaml_string(listen.name), {});
        const Target target{&config, &pool, &listen};
        for (const auto* option : options_in(Scope::listen)) {
            const auto value = show_value(*option, target);
            if (!value.empty() && applies(*option, listen)) show_entry(out, 8, option->key, value);
        }
    }
}

void show_maps(std::string& out, const core::ProcessConfig& process) {
    if (!process.env.empty()) show_entry(out, 4, "env", {});
    for (const auto& [name, value] : process.env) {
        show_entry(out, 6, yaml_string(name), yaml_string(hidden));
    }
    if (!process.rlimits.empty()) show_entry(out, 4, "rlimits", {});
    for (const auto& [name, value] : process.rlimits) {
        const bool unlimited = value == std::numeric_limits<std::uint64_t>::max();
        show_entry(out, 6, name, unlimited ? "unlimited" : std::to_string(value));
    }
}

}  // namespace

std::string yaml_string(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text.substr(i, 2) == "${") out += '$';
        out += text[i];
    }
    return json_string(out);
}

std::string yaml_word(std::string_view text) {
    constexpr std::string_view plain =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._:+-";
    const bool is_plain = !text.empty() && text != "-" && text != "null" && !text.ends_with(':') &&
                          text.find_first_not_of(plain) == std::string_view::npos;
    return is_plain ? std::string{text} : yaml_string(text);
}

std::string show_value(const Option& option, const Target& target) {
    return std::visit(Shown{target}, option.kind);
}

std::string show_config(const core::Config& config) {
    auto copy = config;
    std::string out;
    show_options(out, 0, Scope::top, {&copy, nullptr, nullptr});
    for (const auto scope : {Scope::log, Scope::admin, Scope::metrics}) {
        show_entry(out, 0, section_of(scope), {});
        show_options(out, 2, scope, {&copy, nullptr, nullptr});
    }
    show_entry(out, 0, "pools", {});
    for (auto& pool : copy.pools) {
        show_entry(out, 2, yaml_string(pool.name), {});
        show_options(out, 4, Scope::pool, {&copy, &pool, nullptr});
        show_sockets(out, copy, pool);
        show_maps(out, pool.process);
    }
    return out;
}

}  // namespace reeve::config

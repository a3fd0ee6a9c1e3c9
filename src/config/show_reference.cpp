// The options table as text for people.
#include <array>

#include "config/show.hpp"
#include "config/values.hpp"
#include "config/words.hpp"

namespace reeve::config {

namespace {

constexpr std::size_t columns = 80;

struct Section {
    Scope scope;
    std::string_view title;
};

constexpr std::array sections{
    Section{Scope::top,
            "TOP LEVEL\n\nBeside defaults (options for all pools), pools (NAME: options) "
            "and log, admin, metrics (see below)."},
    Section{Scope::log, "LOG\n\nUnder log: at the top level. The flags begin with --log-."},
    Section{
        Scope::admin,
        "ADMIN\n\nUnder admin: at the top level. The flags begin with --admin-; that of path is "
        "--admin."},
    Section{Scope::metrics,
            "METRICS\n\nUnder metrics: at the top level. The flag of listen is --metrics."},
    Section{Scope::pool,
            "POOL\n\nUnder pools: NAME:, under defaults: for all pools, and as flags of reeve run "
            "(max_requests is --max-requests there)."},
    Section{Scope::listen, "SOCKET\n\nUnder listen: NAME: in a pool."},
};

std::string paragraph(std::string_view text, std::size_t indent) {
    std::string out;
    for (const auto& line : wrap(text, columns - indent)) {
        out += std::string(indent, ' ') + line + "\n";
    }
    return out;
}

std::string pad(std::string text, std::size_t width) {
    text.resize(std::max(text.size() + 1, width), ' ');
    return text;
}

struct KindWords {
    std::string operator()(const BoolKind& /*kind*/) const { return "yes or no"; }
    std::string operator()(const DurationKind& kind) const {
        return "duration from " + format_duration(kind.min) + " to " + format_duration(kind.max) +
               or_word(kind.zero);
    }
    std::string operator()(const CountKind& kind) const {
        return "number from " + std::to_string(kind.min) + " to " + std::to_string(kind.max) +
               or_word(kind.zero);
    }
    std::string operator()(const BytesKind& kind) const {
        return "size from " + format_bytes(kind.min) + " to " + format_bytes(kind.max) +
               or_word(kind.zero);
    }
    std::string operator()(const WorkersKind& kind) const {
        return "number from 1 to " + std::to_string(kind.max) + ", or auto";
    }
    std::string operator()(const ChoiceKind& /*kind*/) const { return "one of the words below"; }
    std::string operator()(const TextKind& kind) const {
        switch (kind.form) {
            case TextKind::Form::name: return "name";
            case TextKind::Form::absolute_path: return "absolute path";
            case TextKind::Form::account: return "name or number";
            case TextKind::Form::address: return "HOST:PORT or unix:PATH";
            case TextKind::Form::url_path: return "path of a URL";
            case TextKind::Form::protocol: return "name of a protocol";
            case TextKind::Form::log_place: return "-, absolute path, or none";
        }
        return {};
    }
    std::string operator()(const CommandKind& /*kind*/) const { return "list, or one string"; }
    std::string operator()(const SignalKind& /*kind*/) const { return "signal"; }
    std::string operator()(const ExitCodesKind& /*kind*/) const {
        return "list of numbers from 0 to 255";
    }
    std::string operator()(const EnvironmentKind& /*kind*/) const { return "map NAME: VALUE"; }
    std::string operator()(const LimitsKind& /*kind*/) const { return "map NAME: LIMIT"; }
    std::string operator()(const OctalKind& /*kind*/) const { return "octal, at most 0777"; }
    std::string operator()(const IntegerKind& kind) const {
        return "number from " + std::to_string(kind.min) + " to " + std::to_string(kind.max);
    }
    std::string operator()(const ListenKind& /*kind*/) const { return "address, list, or map"; }
    std::string operator()(const AddressKind& /*kind*/) const { return "address"; }
    std::string operator()(const NamesKind& kind) const {
        if (kind.form == TextKind::Form::protocol) return "list of einhorn, server-starter";
        return kind.form == TextKind::Form::account ? "list of names or numbers" : "list of names";
    }
    std::string operator()(const PathOrNoneKind& /*kind*/) const { return "path, or none"; }
    std::string operator()(const AddressOrOffKind& /*kind*/) const { return "HOST:PORT, or off"; }

    static std::string or_word(std::string_view zero) {
        return zero.empty() ? std::string{} : ", or " + std::string{zero};
    }
};

std::string show_option(const Option& option) {
    constexpr std::size_t name_width = 22;
    constexpr std::size_t choice_width = 10;
    std::string out =
        "  " + pad(std::string{option.key}, name_width) + describe_kind(option) + "\n";
    const auto fallback = option.fallback.empty() ? "none" : std::string{option.fallback};
    out += "  " + pad("", name_width) + "default " + fallback +
           "; reload: " + std::string{name_of(option.reload)} + "\n";
    out += paragraph(option.doc, 6);
    if (const auto* choice = std::get_if<ChoiceKind>(&option.kind)) {
        for (const auto& entry : choice->choices) {
            out += "        " + pad(std::string{entry.name}, choice_width) +
                   std::string{entry.doc} + "\n";
        }
    }
    return out + "\n";
}

constexpr std::string_view introduction =
    "OPTIONS OF REEVE\n\n"
    "Durations: 30 and 30s are seconds; also ms, m, h, d, and sums (1m30s).\n"
    "Sizes: 512M and 1GiB count in powers of 1024, 512MB in powers of 1000.\n"
    "Signals: TERM, SIGTERM, 15, RTMIN+3.\n"
    "Values may contain ${VAR} and ${VAR:-default}; $${ stands for ${ itself.\n"
    "A flag wins over the environment, the environment over the file, the file over\n"
    "the default.\n"
    "Reload: what happens to a changed value. live: it counts at once; roll: the\n"
    "workers are replaced; restart: it counts when reeve starts again.\n\n";

}  // namespace

std::string describe_kind(const Option& option) { return std::visit(KindWords{}, option.kind); }

std::string show_reference() {
    std::string out{introduction};
    for (const auto& section : sections) {
        const auto break_at = section.title.find('\n');
        out += std::string{section.title.substr(0, break_at)} + "\n\n";
        out += paragraph(section.title.substr(break_at), 2) + "\n";
        for (const auto* option : options_in(section.scope)) {
            out += show_option(*option);
        }
    }
    return out;
}

}  // namespace reeve::config

// The options table against the structs that it describes.
#include <regex>
#include <set>
#include <utility>

#include <doctest/doctest.h>

#include "config/show.hpp"
#include "support.hpp"

namespace reeve::config {

namespace {

/// One of each struct that options are written to.
struct Fields {
    core::Config config;
    core::PoolConfig pool;
    core::Listen listen;

    Fields() { pool.name = "web"; }
    Target target() { return {&config, &pool, &listen}; }
};

/// Applies a text to an option, as YAML would give it.
bool set(Fields& fields, const Option& option, const std::string& text) {
    Reading reading;
    reading.cpus = {2, {}};
    Tree node = make_scalar({}, text);
    if (std::holds_alternative<EnvironmentKind>(option.kind) ||
        std::holds_alternative<LimitsKind>(option.kind)) {
        node.key = "nofile";
        Tree map;
        map.kind = Tree::Kind::map;
        map.children.push_back(std::move(node));
        node = std::move(map);
    }
    return read_option(option, node, fields.target(), "x", reading);
}

/// A value other than the default.
struct Other {
    const Option& option;
    std::string operator()(const BoolKind& /*kind*/) const {
        return option.fallback == "yes" ? "no" : "yes";
    }
    std::string operator()(const DurationKind& /*kind*/) const { return "7s"; }
    std::string operator()(const CountKind& /*kind*/) const { return "7"; }
    std::string operator()(const BytesKind& /*kind*/) const { return "7M"; }
    std::string operator()(const WorkersKind& /*kind*/) const { return "7"; }
    std::string operator()(const ChoiceKind& kind) const {
        return std::string{kind.choices.back().name};
    }
    std::string operator()(const TextKind& kind) const {
        const bool path = kind.form == TextKind::Form::absolute_path ||
                          kind.form == TextKind::Form::url_path ||
                          kind.form == TextKind::Form::log_place;
        return path ? "/x" : "x";
    }
    std::string operator()(const CommandKind& /*kind*/) const { return "x"; }
    std::string operator()(const SignalKind& /*kind*/) const { return "USR1"; }
    std::string operator()(const ExitCodesKind& /*kind*/) const { return "7"; }
    std::string operator()(const EnvironmentKind& /*kind*/) const { return "x"; }
    std::string operator()(const LimitsKind& /*kind*/) const { return "7"; }
    std::string operator()(const OctalKind& /*kind*/) const { return "0707"; }
    std::string operator()(const IntegerKind& /*kind*/) const { return "7"; }
    std::string operator()(const ListenKind& /*kind*/) const { return "127.0.0.1:7"; }
    std::string operator()(const AddressKind& /*kind*/) const { return "127.0.0.1:7"; }
    std::string operator()(const NamesKind& kind) const {
        return kind.form == TextKind::Form::protocol ? "einhorn" : "x";
    }
    std::string operator()(const PathOrNoneKind& /*kind*/) const { return "/x"; }
    std::string operator()(const AddressOrOffKind& /*kind*/) const { return "127.0.0.1:7"; }
};

/// Initialises any field, to count them.
struct Anything {
    template <typename T>
    constexpr operator T() const {  // NOLINT(google-explicit-constructor)
        return T{};
    }
};

template <typename T, std::size_t... Index>
constexpr bool has_fields(std::index_sequence<Index...> /*indexes*/) {
    return requires { T{(static_cast<void>(Index), Anything{})...}; };
}

/// How many fields an aggregate has: the most that it can be initialised with.
template <typename T, std::size_t Count = 64>
constexpr std::size_t count_fields() {
    if constexpr (has_fields<T>(std::make_index_sequence<Count>{})) {
        return Count;
    } else {
        return count_fields<T, Count - 1>();
    }
}

/// How many options, set to another value, change what `part` selects.
template <typename Part>
std::size_t count_options(Part part) {
    std::size_t count = 0;
    for (const auto& option : options()) {
        Fields before;
        Fields after;
        set(after, option, std::visit(Other{option}, option.kind));
        if (!(part(before) == part(after))) ++count;
    }
    return count;
}

}  // namespace

TEST_CASE("a default in the table that the code does not have would be a lie in the manual") {
    for (const auto& option : options()) {
        CAPTURE(std::string{option.key});
        Fields plain;
        Fields fields;
        if (option.fallback.empty()) {
            CHECK((option.scope == Scope::listen || show_value(option, plain.target()).empty()));
            continue;
        }
        REQUIRE(set(fields, option, std::string{option.fallback}));
        if (option.key == "workers") {
            CHECK(fields.pool.policy.workers == 5);
            continue;
        }
        CHECK(fields.config == plain.config);
        CHECK(fields.pool == plain.pool);
        CHECK(fields.listen == plain.listen);
    }
}

TEST_CASE("each option writes its field, and a field without an option cannot be set by anybody") {
    for (const auto& option : options()) {
        CAPTURE(std::string{option.key});
        Fields before;
        Fields after;
        REQUIRE(set(after, option, std::visit(Other{option}, option.kind)));
        CHECK_FALSE((before.config == after.config && before.pool == after.pool &&
                     before.listen == after.listen));
    }
    // timeout_written, has_sockets, adopts, has_on_hang, has_on_degraded, has_before_start
    const auto derived_of_policy = 6U;
    const auto other_of_pool = 4U;                             // name, policy, process, written
    const auto other_of_config = 4U;                           // pools, log, admin, metrics
    const auto switch_of_admin = 1U;                           // enabled, which goes with path
    const auto address_of_listen = 4U;                         // kind, host, port, path
    const auto other_of_listen = 1U + address_of_listen - 1U;  // the name; one option: address
    CHECK(count_options([](Fields& fields) { return fields.pool.policy; }) ==
          count_fields<core::PoolPolicy>() - derived_of_policy);
    CHECK(count_options([](Fields& fields) { return fields.pool.process; }) ==
          count_fields<core::ProcessConfig>());
    CHECK(count_options([](Fields& fields) {
              return std::tuple{fields.pool.listen, fields.pool.on_hang, fields.pool.on_degraded,
                                fields.pool.before_start, fields.pool.after};
          }) == count_fields<core::PoolConfig>() - other_of_pool);
    CHECK(count_options([](Fields& fields) { return fields.config.log; }) ==
          count_fields<core::LogConfig>());
    CHECK(count_options([](Fields& fields) { return fields.config.admin; }) ==
          count_fields<core::AdminConfig>() - switch_of_admin);
    CHECK(count_options([](Fields& fields) { return fields.config.metrics; }) ==
          count_fields<core::MetricsConfig>());
    CHECK(count_options([](Fields& fields) {
              return std::tuple{fields.config.name, fields.config.stop_delay,
                                fields.config.queue_grace};
          }) == count_fields<core::Config>() - other_of_config);
    CHECK(count_options([](Fields& fields) { return fields.listen; }) ==
          count_fields<core::Listen>() - other_of_listen);
}

TEST_CASE("an option that is written twice in the table would shadow itself") {
    std::set<std::string> flags;
    for (const auto& option : options()) {
        CAPTURE(std::string{option.key});
        CHECK(find_option(option.scope, option.key) == &option);
        CHECK(option.doc.ends_with('.'));
        if (option.scope != Scope::listen) CHECK(flags.insert(flag_name(option)).second);
    }
}

TEST_CASE("the reference and the schema leave no option out") {
    const auto reference = show_reference();
    const auto schema = show_schema();
    for (const auto& option : options()) {
        CAPTURE(std::string{option.key});
        CHECK(reference.find("\n  " + std::string{option.key} + " ") != std::string::npos);
        CHECK(schema.find("\n\"" + std::string{option.key} + "\": {") != std::string::npos);
    }
}

}  // namespace reeve::config

// From files, environment and flags to core::Config.
#include "config/load.hpp"

#include <algorithm>
#include <list>
#include <utility>

#include "config/address.hpp"
#include "config/checks.hpp"
#include "config/files.hpp"

namespace reeve::config {

namespace {

constexpr std::size_t pools_max = 64;

/// A flag's values in the form that the option's kind expects.
Tree node_of(const FlagValue& flag) {
    const auto place = named_place(flag.flag);
    const auto& kind = flag.option->kind;
    Tree node;
    node.place = place;
    const bool is_map =
        std::holds_alternative<EnvironmentKind>(kind) || std::holds_alternative<LimitsKind>(kind);
    if (is_map) {
        node.kind = Tree::Kind::map;
        for (const auto& text : flag.values) {
            const auto equals = text.find('=');
            const bool has_value = equals != std::string::npos;
            auto child = make_scalar(place, has_value ? text.substr(equals + 1) : std::string{});
            child.kind = has_value ? Tree::Kind::scalar : Tree::Kind::null;
            child.key = text.substr(0, equals);
            child.key_place = place;
            node.children.push_back(std::move(child));
        }
        return node;
    }
    if (std::holds_alternative<ListenKind>(kind) || std::holds_alternative<ExitCodesKind>(kind) ||
        std::holds_alternative<NamesKind>(kind)) {
        node.kind = Tree::Kind::sequence;
        for (const auto& text : flag.values) {
            node.children.push_back(make_scalar(place, text));
        }
        return node;
    }
    return make_scalar(place, flag.values.empty() ? std::string{} : flag.values.back());
}

/// The scope whose options stand under this key at the top level.
std::optional<Scope> section_named(std::string_view key) {
    for (const auto scope : {Scope::log, Scope::admin, Scope::metrics}) {
        if (key == section_of(scope)) return scope;
    }
    return std::nullopt;
}

/// Puts the parts together; one object per load().
class Loader {
public:
    explicit Loader(const Request& request) : request_{request} { reading_.cpus = request.cpus; }

    Loaded run() {
        if (request_.text) {
            documents_ = read_document_text(*request_.text, request_.file, request_.environment,
                                            reading_.problems);
        } else if (!request_.file.empty()) {
            documents_ = read_documents(request_.file, request_.environment, reading_.problems);
        }
        for (const auto& document : documents_) {
            read_document(document);
        }
        read_variable("REEVE_LOG_LEVEL", Scope::log, "level");
        read_variable("REEVE_ADMIN", Scope::admin, "path");
        read_outer_flags();
        read_defaults();
        read_pools();
        check_addresses(loaded_.config, reading_);
        check_order(loaded_.config, reading_);
        loaded_.errors = reading_.problems.lines();
        for (const auto& [path, place] : reading_.places) {
            loaded_.places[path] = describe(place);
        }
        return std::move(loaded_);
    }

private:
    struct PoolSource {
        std::string name;
        const Tree* node = nullptr;  ///< null = from the flags alone
    };

    void read_document(const Tree& document) {
        if (!expect_map(document, {}, reading_)) {
            return;
        }
        const Target target{&loaded_.config, nullptr, nullptr};
        for (const auto& child : document.children) {
            if (child.key == "defaults") {
                defaults_.push_back(&child);
            } else if (const auto scope = section_named(child.key)) {
                read_section(*scope, child, target, child.key, reading_);
            } else if (child.key == "pools") {
                collect_pools(child);
            } else if (const auto* option = find_option(Scope::top, child.key)) {
                read_option(*option, child, target, child.key, reading_);
            } else {
                report_unknown(Scope::top, child, {}, reading_);
            }
        }
    }

    void collect_pools(const Tree& pools) {
        if (!expect_map(pools, "pools", reading_)) {
            return;
        }
        for (const auto& pool : pools.children) {
            const auto path = child_path("pools", pool.key);
            const auto same =
                std::find_if(sources_.begin(), sources_.end(),
                             [&](const auto& other) { return other.name == pool.key; });
            if (!is_name(pool.key)) {
                reading_.problems.add(pool.key_place, "pools",
                                      quoted(pool.key) +
                                          " is not a name (letters, digits, '_', "
                                          "'.', '-'; at most 64)");
            } else if (same != sources_.end() &&
                       same->node->key_place.source == pool.key_place.source) {
                // The YAML reader has reported the key that is written twice.
                continue;
            } else if (same != sources_.end()) {
                reading_.problems.add(
                    pool.key_place, path,
                    "this pool is already defined at " + describe(same->node->key_place));
            } else if (sources_.size() == pools_max) {
                reading_.problems.add(pool.key_place, path,
                                      "more than " + std::to_string(pools_max) + " pools");
            } else {
                reading_.places[path] = pool.key_place;
                sources_.push_back({pool.key, &pool});
            }
        }
    }

    void read_variable(const std::string& name, Scope scope, std::string_view key) {
        const auto value = request_.environment(name);
        if (!value || value->empty()) {
            return;
        }
        const Target target{&loaded_.config, nullptr, nullptr};
        read_option(*find_option(scope, key), make_scalar(named_place(name), *value), target, {},
                    reading_);
    }

    void read_outer_flags() {
        const Target target{&loaded_.config, nullptr, nullptr};
        for (const auto& flag : request_.flags) {
            if (flag.option->scope != Scope::pool) {
                read_option(*flag.option, node_of(flag), target, {}, reading_);
            }
        }
    }

    /// Once for themselves, so that an error in them is reported once and not for each pool.
    void read_defaults() {
        const auto before = reading_.problems.count();
        core::Config config;
        core::PoolConfig pool;
        pool.name = "defaults";
        for (const auto* section : defaults_) {
            auto rest = *section;
            std::erase_if(rest.children, [&](const Tree& child) {
                if (child.key != "listen") return false;
                reading_.problems.add(child.key_place, "defaults.listen",
                                      "a socket belongs to one pool; write it there");
                return true;
            });
            read_section(Scope::pool, rest, {&config, &pool, nullptr}, "defaults", reading_);
        }
        defaults_good_ = reading_.problems.count() == before;
    }

    [[nodiscard]] bool has_pool_flags() const {
        return !request_.command.empty() ||
               std::any_of(request_.flags.begin(), request_.flags.end(),
                           [](const auto& flag) { return flag.option->scope == Scope::pool; });
    }

    void read_pools() {
        if (request_.file.empty()) {
            sources_.push_back({"web", nullptr});
        }
        if (sources_.empty() && reading_.problems.empty()) {
            reading_.problems.add(named_place(request_.file), "pools", "there is no pool");
        }
        if (sources_.size() > 1 && has_pool_flags()) {
            reading_.problems.add(named_place(pool_flag()), {},
                                  "applies to a single pool, but the configuration has " +
                                      std::to_string(sources_.size()) + "; write it in the file");
            return;
        }
        for (const auto& source : sources_) {
            read_pool(source);
        }
    }

    [[nodiscard]] std::string pool_flag() const {
        for (const auto& flag : request_.flags) {
            if (flag.option->scope == Scope::pool) {
                return flag.flag;
            }
        }
        return "-- COMMAND";
    }

    void read_pool(const PoolSource& source) {
        const auto before = reading_.problems.count();
        const auto path = child_path("pools", source.name);
        core::PoolConfig pool;
        pool.name = source.name;
        const Target target{&loaded_.config, &pool, nullptr};
        for (const auto* section : defaults_) {
            if (defaults_good_) {
                read_pool_section(*section, target, path);
            }
        }
        if (source.node != nullptr) {
            read_pool_section(*source.node, target, path);
        }
        for (const auto& flag : request_.flags) {
            if (flag.option->scope == Scope::pool) {
                const auto node = node_of(flag);
                reading_.places[child_path(path, flag.option->key)] = node.place;
                read_option(*flag.option, node, target, {}, reading_);
                mark_written(pool, flag.option->key);
            }
        }
        if (!request_.command.empty()) {
            pool.process.command = request_.command;
            mark_written(pool, "command");
        }
        choose_workers(target, path);
        if (reading_.problems.count() == before) {
            check_pool(pool, reading_);
        }
        loaded_.config.pools.push_back(std::move(pool));
    }

    void read_pool_section(const Tree& section, const Target& target, const std::string& path) {
        read_section(Scope::pool, section, target, path, reading_);
        for (const auto& child : section.children) {
            if (find_option(Scope::pool, child.key) != nullptr) {
                mark_written(*target.pool, child.key);
                if (child.key == "workers") {
                    workers_text_[target.pool->name] = child.text;
                }
            }
        }
    }

    static void mark_written(core::PoolConfig& pool, std::string_view key) {
        const auto at = std::lower_bound(pool.written.begin(), pool.written.end(), key);
        if (at == pool.written.end() || *at != key) {
            pool.written.emplace(at, key);
        }
    }

    void choose_workers(const Target& target, const std::string& path) {
        const auto& option = *find_option(Scope::pool, "workers");
        std::string text = workers_text_[target.pool->name];
        for (const auto& flag : request_.flags) {
            if (flag.option == &option) {
                text = flag.values.empty() ? std::string{} : flag.values.back();
            }
        }
        if (!is_written(*target.pool, "workers")) {
            const auto variable = request_.environment("WEB_CONCURRENCY");
            const bool is_set = variable && !variable->empty();
            const auto place = is_set ? named_place("WEB_CONCURRENCY") : Place{};
            text = is_set ? *variable : std::string{option.fallback};
            read_option(option, make_scalar(place, text), target, {}, reading_);
            if (is_set) {
                mark_written(*target.pool, "workers");
                reading_.places[child_path(path, "workers")] = place;
            }
        }
        if (text == "auto") {
            const auto& why = request_.cpus.explanation;
            loaded_.notes.push_back(path + ".workers: auto = 2 x " +
                                    std::to_string(request_.cpus.count) +
                                    " CPUs + 1 = " + std::to_string(target.pool->policy.workers) +
                                    (why.empty() ? "" : " (" + why + ")"));
        }
    }

    const Request& request_;
    Reading reading_;
    Loaded loaded_;
    std::vector<Tree> documents_;
    std::vector<const Tree*> defaults_;
    std::vector<PoolSource> sources_;
    std::map<std::string, std::string> workers_text_;
    bool defaults_good_ = true;
};

}  // namespace

Loaded load(const Request& request) { return Loader{request}.run(); }

}  // namespace reeve::config

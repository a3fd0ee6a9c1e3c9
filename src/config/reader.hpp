// The visitor that reads one node as each kind of value; private to this room.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/read.hpp"
#include "config/substitute.hpp"

namespace reeve::config {

/// Lives for one call: it refers to what it was given. Each operator() stores the value and returns
/// true, or reports and returns false.
class Reader {
public:
    Reader(const Tree& node, const Target& target, std::string path, Reading& reading)
        : node_{node}, target_{target}, path_{std::move(path)}, reading_{reading} {}

    bool operator()(const BoolKind& kind) const;
    bool operator()(const DurationKind& kind) const;
    bool operator()(const CountKind& kind) const;
    bool operator()(const BytesKind& kind) const;
    bool operator()(const WorkersKind& kind) const;
    bool operator()(const ChoiceKind& kind) const;
    bool operator()(const TextKind& kind) const;
    bool operator()(const CommandKind& kind) const;
    bool operator()(const SignalKind& kind) const;
    bool operator()(const ExitCodesKind& kind) const;
    bool operator()(const EnvironmentKind& kind) const;
    bool operator()(const LimitsKind& kind) const;
    bool operator()(const OctalKind& kind) const;
    bool operator()(const IntegerKind& kind) const;
    bool operator()(const AddressKind& kind) const;
    bool operator()(const ListenKind& kind) const;
    bool operator()(const NamesKind& kind) const;
    bool operator()(const PathOrNoneKind& kind) const;
    bool operator()(const AddressOrOffKind& kind) const;

private:
    [[nodiscard]] bool fail(const std::string& text) const {
        reading_.problems.add(node_.place, path_, text);
        return false;
    }

    /// Says why a list or a map is not the single value that was expected.
    [[nodiscard]] bool fail_no_scalar() const;

    /// Calls `use` with the text, or says why there is none.
    template <typename Use>
    [[nodiscard]] bool with_scalar(Use use) const {
        return node_.kind == Tree::Kind::scalar ? use(node_.text) : fail_no_scalar();
    }

    template <typename Parse, typename Store>
    [[nodiscard]] bool store_scalar(Parse parse, Store store) const {
        return with_scalar([&](const std::string& text) {
            const auto parsed = parse(text);
            if (!parsed.ok()) return fail(parsed.error);
            store(parsed.value);
            return true;
        });
    }

    /// Calls `use` for each item of a list, also after one has failed: all errors are to be found.
    template <typename Use>
    [[nodiscard]] bool with_items(Use use) const {
        if (node_.kind != Tree::Kind::sequence) {
            return fail(node_.kind == Tree::Kind::null ? "has no value" : "must be a list");
        }
        bool good = true;
        for (const auto& item : node_.children) {
            good = use(Reader{item, target_, path_, reading_}) && good;
        }
        return good;
    }

    template <typename Use>
    [[nodiscard]] bool with_entries(Use use) const {
        if (node_.kind != Tree::Kind::map) {
            return fail(node_.kind == Tree::Kind::null ? "has no value"
                                                       : "must be a map NAME: VALUE");
        }
        bool good = true;
        for (const auto& entry : node_.children) {
            const Reader reader{entry, target_, child_path(path_, entry.key), reading_};
            good = use(reader, entry.key) && good;
        }
        return good;
    }

    [[nodiscard]] bool store_command(const CommandKind& kind, std::vector<std::string> words) const;
    [[nodiscard]] bool add_codes(std::vector<int>& codes) const;
    [[nodiscard]] bool add_names(TextKind::Form form, std::vector<std::string>& names) const;

    // Sockets.
    [[nodiscard]] bool add(std::vector<core::Listen>& sockets, core::Listen socket) const;
    [[nodiscard]] bool add_unnamed(std::vector<core::Listen>& sockets) const;
    [[nodiscard]] bool add_named(std::vector<core::Listen>& sockets, const std::string& name) const;
    [[nodiscard]] std::string next_name(const std::vector<core::Listen>& sockets) const;
    [[nodiscard]] bool options_fit(const core::Listen& socket) const;

    const Tree& node_;
    const Target& target_;
    std::string path_;
    Reading& reading_;
};

}  // namespace reeve::config

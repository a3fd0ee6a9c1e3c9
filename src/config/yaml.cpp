// Reads YAML text into a tree with places; the only file that knows yaml-cpp.
#include "config/yaml.hpp"

#include <map>
#include <set>
#include <sstream>
#include <utility>
#include <vector>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

namespace reeve::config {

namespace {

constexpr std::size_t depth_max = 16;
/// After aliases are expanded: a file of 1 MiB without any has fewer.
constexpr std::size_t nodes_max = 200'000;
constexpr std::size_t text_max = std::size_t{4} << 20U;

/// Thrown through yaml-cpp to stop it.
struct Refused {
    Place place;
    std::string text;
};

/// Builds the tree from the parser's events. The events, unlike yaml-cpp's own tree, still show
/// both of two equal keys and where each stands.
class Builder : public YAML::EventHandler {
public:
    Builder(std::shared_ptr<const std::string> source, Problems& problems)
        : source_{std::move(source)}, problems_{problems} {}

    [[nodiscard]] Tree take() { return std::move(root_); }

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (++documents_ > 1) {
            throw Refused{place(mark), "a second document begins here; a file holds one"};
        }
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        Tree node;
        node.place = place(mark);
        add(std::move(node), anchor);
    }

    void OnScalar(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                  const std::string& value) override {
        add(make_scalar(place(mark), value), anchor);
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto found = anchored_.find(anchor);
        if (found == anchored_.end()) {
            throw Refused{place(mark), "an alias refers to a value that holds it"};
        }
        count(found->second, mark);
        if (open_.size() + depth(found->second) > depth_max) {
            throw Refused{place(mark), "nested too deeply"};
        }
        attach(found->second);
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value style) override {
        open(Tree::Kind::sequence, mark, anchor, style);
    }
    void OnSequenceEnd() override { close(); }

    void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value style) override {
        open(Tree::Kind::map, mark, anchor, style);
    }
    void OnMapEnd() override { close(); }

private:
    struct Open {
        Tree node;
        YAML::anchor_t anchor;
        bool has_key = false;
        std::string key;
        Place key_place;
        std::map<std::string, Place> keys;
    };

    [[nodiscard]] Place place(const YAML::Mark& mark) const {
        return {source_, static_cast<std::size_t>(mark.line) + 1,
                static_cast<std::size_t>(mark.column) + 1};
    }

    static std::size_t depth(const Tree& node) {
        std::size_t deepest = 0;
        for (const auto& child : node.children) {
            deepest = std::max(deepest, depth(child));
        }
        return deepest + 1;
    }

    void count(const Tree& node, const YAML::Mark& mark) {
        ++nodes_;
        text_ += node.text.size() + node.key.size();
        if (nodes_ > nodes_max || text_ > text_max) {
            throw Refused{place(mark), "the aliases make the file too big"};
        }
        for (const auto& child : node.children) {
            count(child, mark);
        }
    }

    void open(Tree::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor,
              YAML::EmitterStyle::value style) {
        if (open_.size() >= depth_max) {
            throw Refused{place(mark), "nested too deeply"};
        }
        if (!open_.empty() && open_.back().node.kind == Tree::Kind::map && !open_.back().has_key) {
            throw Refused{place(mark), "a key must be a single word"};
        }
        Tree node;
        node.kind = kind;
        node.place = place(mark);
        node.flow = style == YAML::EmitterStyle::Flow;
        open_.push_back({std::move(node), anchor, false, {}, {}, {}});
    }

    void close() {
        auto done = std::move(open_.back());
        open_.pop_back();
        add(std::move(done.node), done.anchor);
    }

    void add(Tree node, YAML::anchor_t anchor) {
        if (++nodes_ > nodes_max) {
            throw Refused{node.place, "too many values"};
        }
        if (anchor != 0) {
            anchored_[anchor] = node;
        }
        attach(std::move(node));
    }

    /// Puts a finished value where it belongs: a key, the value of a key, an item, or the root.
    void attach(Tree node) {
        if (open_.empty()) {
            root_ = std::move(node);
            return;
        }
        auto& parent = open_.back();
        if (parent.node.kind == Tree::Kind::map && !parent.has_key) {
            take_key(parent, node);
            return;
        }
        node.key = std::exchange(parent.key, {});
        node.key_place = std::exchange(parent.key_place, {});
        parent.has_key = false;
        parent.node.children.push_back(std::move(node));
    }

    void take_key(Open& parent, const Tree& node) {
        if (node.kind != Tree::Kind::scalar) {
            throw Refused{node.place, "a key must be a single word"};
        }
        const auto [first, is_new] = parent.keys.try_emplace(node.text, node.place);
        if (!is_new) {
            problems_.add(node.place, {},
                          quoted(node.text) + " is written twice, first in line " +
                              std::to_string(first->second.line));
        }
        parent.has_key = true;
        parent.key = node.text;
        parent.key_place = node.place;
    }

    std::shared_ptr<const std::string> source_;
    Problems& problems_;
    Tree root_;
    std::vector<Open> open_;
    std::map<YAML::anchor_t, Tree> anchored_;
    std::size_t nodes_ = 0;
    std::size_t text_ = 0;
    int documents_ = 0;
};

/// What yaml-cpp says about brackets and tabs is hard to act on.
std::string hint_for(const std::string& text, std::size_t line) {
    std::istringstream lines{text};
    std::string current;
    for (std::size_t i = 0; i < line && std::getline(lines, current); ++i) {
    }
    if (current.find("]:") != std::string::npos) {
        return "; quote an address in brackets: \"[::1]:8000\"";
    }
    if (current.ends_with(": -")) {
        return "; quote it: \"-\"";
    }
    if (current.find('\t') != std::string::npos) {
        return "; YAML indents by spaces, not tabs";
    }
    return {};
}

}  // namespace

std::optional<Tree> parse_yaml(const std::string& text,
                               const std::shared_ptr<const std::string>& source,
                               Problems& problems) {
    try {
        std::istringstream stream{text};
        YAML::Parser parser{stream};
        Builder builder{source, problems};
        while (parser.HandleNextDocument(builder)) {
        }
        return builder.take();
    } catch (const Refused& refused) {
        problems.add(refused.place, {}, refused.text);
    } catch (const YAML::Exception& error) {
        const auto line = static_cast<std::size_t>(error.mark.line) + 1;
        const Place place{source, line, static_cast<std::size_t>(error.mark.column) + 1};
        problems.add(place, {}, error.msg + hint_for(text, line));
    } catch (const std::exception& error) {
        problems.add({source, 0, 0}, {}, std::string{"cannot be read as YAML: "} + error.what());
    }
    return std::nullopt;
}

}  // namespace reeve::config

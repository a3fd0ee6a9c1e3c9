// A document as a tree of values with places; flags are turned into such a tree too.
#pragma once

#include <string>
#include <vector>

#include "config/problem.hpp"

namespace reeve::config {

/// One value. A child of a map carries its key; children keep the order in which they were written.
struct Tree {
    enum class Kind { null, scalar, sequence, map };

    Kind kind = Kind::null;
    Place place;
    std::string text;   ///< scalar
    bool flow = false;  ///< map or sequence in braces or brackets
    std::string key;    ///< in a map
    Place key_place;
    std::vector<Tree> children;  ///< sequence, map

    [[nodiscard]] const Tree* find(const std::string& name) const {
        for (const auto& child : children) {
            if (kind == Kind::map && child.key == name) {
                return &child;
            }
        }
        return nullptr;
    }
};

inline Tree make_scalar(Place place, std::string text) {
    Tree node;
    node.kind = Tree::Kind::scalar;
    node.place = std::move(place);
    node.text = std::move(text);
    return node;
}

}  // namespace reeve::config

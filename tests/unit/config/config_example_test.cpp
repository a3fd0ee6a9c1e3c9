// etc/reeve.yaml: complete, true, and a seed for files that are broken in every way.
#include <fstream>
#include <map>
#include <random>
#include <regex>
#include <set>
#include <sstream>

#include <doctest/doctest.h>

#include "config/show.hpp"
#include "config/words.hpp"
#include "support.hpp"

namespace reeve::config {

namespace {

std::string example() {
    std::ifstream stream{EXAMPLE_FILE};
    std::ostringstream out;
    out << stream.rdbuf();
    return out.str();
}

/// The example with every option that is shown in a comment switched on.
std::string everything_on(const std::string& text) {
    static const std::regex shown{"\n( *)#([a-z_]+:)"};
    return std::regex_replace(text, shown, "\n$1$2");
}

/// What the example shows in comments: key -> text of its value.
std::multimap<std::string, std::string> shown_in_comments(const std::string& text) {
    static const std::regex shown{"\n *#([a-z_0-9]+): ([^\n]*)"};
    std::multimap<std::string, std::string> out;
    for (std::sregex_iterator it{text.begin(), text.end(), shown}, end; it != end; ++it) {
        out.emplace((*it)[1], (*it)[2]);
    }
    return out;
}

const Option* find_anywhere(const std::string& key) {
    for (const auto scope : {Scope::top, Scope::log, Scope::pool}) {
        if (const auto* option = find_option(scope, key)) return option;
    }
    return nullptr;
}

std::string mutate(std::string text, std::mt19937& random) {
    const std::string spices = "{}[]:,#&*!|>'\"%@`-?~ \n\t$\\0\xff<=";
    const auto below = [&](std::size_t bound) {
        return std::uniform_int_distribution<std::size_t>{0, bound - 1}(random);
    };
    const auto changes = 1 + below(6);
    for (std::size_t i = 0; i < changes && !text.empty(); ++i) {
        const auto at = below(text.size());
        const auto length = std::min(text.size() - at, 1 + below(40));
        switch (below(5)) {
            case 0: text.erase(at, length); break;
            case 1: text.insert(at, 1, spices[below(spices.size())]); break;
            case 2: text[at] = static_cast<char>(below(256)); break;
            case 3: text.insert(below(text.size()), text.substr(at, length)); break;
            default: text.insert(at, 1 + below(50), spices[below(spices.size())]); break;
        }
    }
    return text;
}

}  // namespace

TEST_CASE("the example is a good configuration, also with all that it shows switched on") {
    const auto plain = load_text(example());
    CHECK(errors_of(plain) == "");
    const auto full = load_text(everything_on(example()));
    CHECK(errors_of(full) == "");
    REQUIRE(full.config.pools.size() == 1);
    CHECK(full.config.pools[0].listen.size() == 3);
}

TEST_CASE("the example leaves no option out, and shows the defaults that there are") {
    const auto text = everything_on(example());
    for (const auto& option : options()) {
        CAPTURE(std::string{option.key});
        const auto key = std::string{option.key} + ": ";
        const auto alone = std::string{option.key} + ":\n";
        CHECK((text.find(" " + key) != std::string::npos ||
               text.find("{" + key) != std::string::npos ||
               text.find("\n" + key) != std::string::npos ||
               text.find(" " + alone) != std::string::npos));
    }
    for (const auto& entry : shown_in_comments(example())) {
        // Not a structured binding: clang 14 cannot capture one in CAPTURE's lambda.
        const auto& key = entry.first;
        const auto& value = entry.second;
        CAPTURE(key);
        const auto* option = find_anywhere(key);
        if (option != nullptr && !option->fallback.empty()) CHECK(value == option->fallback);
    }
}

TEST_CASE("no file, however broken, makes reeve crash or say nothing") {
    const auto seed_text = everything_on(example());
    std::mt19937 random{20240607};
    constexpr int rounds = 1000;
    int bad = 0;
    for (int round = 0; round < rounds; ++round) {
        CAPTURE(round);
        const auto loaded = load_text(mutate(seed_text, random));
        bad += loaded.ok() ? 0 : 1;
        CHECK(loaded.errors.size() <= Problems::kept_max + 1);
        for (const auto& error : loaded.errors) {
            CAPTURE(error);
            CHECK((error.starts_with("reeve.yaml") || error.starts_with("and more: ")));
            CHECK(error.find('\n') == std::string::npos);
        }
    }
    CHECK(bad > rounds / 10);
}

TEST_CASE("aliases that multiply are refused before they fill the memory") {
    std::string text = "a: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 12; ++i) {
        const auto before = "*a" + std::to_string(i - 1);
        text += "b" + std::to_string(i) + ": &a" + std::to_string(i) + " [" +
                join(std::vector<std::string>(10, before)) + "]\n";
    }
    CHECK(errors_of(load_text(text)).find("aliases make the file too big") != std::string::npos);
    CHECK_FALSE(load_text("a: " + std::string(100'000, '[')).ok());
    CHECK_FALSE(load_text(std::string(100'000, '[')).ok());
    CHECK_FALSE(load_text(std::string(100'000, '{')).ok());
    CHECK_FALSE(load_text("a: &a [*a]").ok());
}

}  // namespace reeve::config

// Commands without a shell, near misses, addresses, placeholders and variables.
#include <doctest/doctest.h>

#include "config/address.hpp"
#include "config/placeholders.hpp"
#include "config/substitute.hpp"
#include "config/words.hpp"
#include "support.hpp"

namespace reeve::config {

namespace {

using Words = std::vector<std::string>;

std::string variables_in(const std::string& text, Variables variables = {}) {
    const auto result = substitute(text, environment_of(std::move(variables)));
    return result.ok() ? result.value : "error: " + result.error;
}

PlaceholderValues values() {
    PlaceholderValues out;
    out.sockets["web"] = {3, "127.0.0.1", "8000"};
    out.sockets["admin"] = {4, "/run/x.sock", ""};
    out.slot = 2;
    out.generation = 5;
    out.incarnation = 77;
    return out;
}

}  // namespace

TEST_CASE("a command in one string starts the same program as in a shell") {
    CHECK(split_command("a b  c").value == Words{"a", "b", "c"});
    CHECK(split_command("  a\tb\n").value == Words{"a", "b"});
    CHECK(split_command("a 'b c' \"d e\"").value == Words{"a", "b c", "d e"});
    CHECK(split_command("a b\\ c").value == Words{"a", "b c"});
    CHECK(split_command("a ''").value == Words{"a", ""});
    CHECK(split_command("a x'y z'w").value == Words{"a", "xy zw"});
    CHECK(split_command(R"(a "\"" "\n" '\n')").value == Words{"a", "\"", "\\n", "\\n"});
    CHECK(split_command("a '|' \\;").value == Words{"a", "|", ";"});
    CHECK(split_command("").value.empty());
}

TEST_CASE("what only a shell could do is an error and not a strange argument") {
    for (const std::string text :
         {"a | b", "a && b", "a > x", "a &", "a 2>&1", "a 'b", "a \"b", "a \\"}) {
        CAPTURE(text);
        CHECK_FALSE(split_command(text).ok());
    }
}

TEST_CASE("a typing error is answered by the right name, nonsense by none") {
    const Words names{"timeout", "workers", "listen", "max_requests", "max_requests_jitter"};
    CHECK(nearest("timeot", names) == "timeout");
    CHECK(nearest("wrokers", names) == "workers");
    CHECK(nearest("max-requests", names) == "max_requests");
    CHECK(nearest("zzz", names).empty());
    CHECK(nearest("", names).empty());
    CHECK(nearest(std::string(10'000, 'x'), names).empty());
}

TEST_CASE("an address that is misread would listen where nobody asked for") {
    const auto v4 = parse_address("127.0.0.1:8000");
    CHECK(v4.value.host == "127.0.0.1");
    CHECK(v4.value.port == 8000);
    CHECK(parse_address("tcp://0.0.0.0:0").value.host == "0.0.0.0");
    CHECK(parse_address("localhost:80").value.host == "localhost");
    const auto v6 = parse_address("[::1]:8000");
    CHECK(v6.value.host == "::1");
    CHECK(v6.value.kind == core::Listen::Kind::tcp);
    CHECK(parse_address("tcp://[fe80::1%eth0]:80").value.host == "fe80::1%eth0");
    const auto path = parse_address("unix:/run/a.sock");
    CHECK(path.value.kind == core::Listen::Kind::unix_path);
    CHECK(path.value.path == "/run/a.sock");
    CHECK(parse_address("unix:///run/a.sock").value.path == "/run/a.sock");
    const auto abstract = parse_address("unix:@a");
    CHECK(abstract.value.kind == core::Listen::Kind::unix_abstract);
    CHECK(abstract.value.path == "a");
    for (const std::string text :
         {"",           "8000",       ":8000",       "*:8000",      "host",   "host:",
          "host:x",     "host:65536", "::1:80",      "[::1]",       "[x]:80", "999.0.0.1:80",
          "1.2.3:80",   "a b:80",     "unix:",       "unix:run/x",  "unix:@", "unix:/",
          "unix:/run/", "systemd:",   "systemd:a:b", "systemd:a b", "tcp://", "http://x:80"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_address(text).ok());
    }
    CHECK_FALSE(parse_address("unix:/" + std::string(107, 'x')).ok());
    CHECK(parse_address("unix:/" + std::string(106, 'x')).ok());
}

TEST_CASE("a printed address names the same socket when it is read again") {
    for (const std::string text : {"tcp://127.0.0.1:8000", "tcp://[::]:0", "unix:/run/a.sock",
                                   "unix:@a", "tcp://host:1", "systemd:web.socket"}) {
        CHECK(format_address(parse_address(text).value) == text);
    }
}

TEST_CASE("a worker is told exactly its own sockets and seat") {
    CHECK(expand("{fd:web}", values()) == "3");
    CHECK(expand("--bind={addr:web}:{port:web}", values()) == "--bind=127.0.0.1:8000");
    CHECK(expand("{addr:admin}{port:admin}", values()) == "/run/x.sock");
    CHECK(expand("{slot}/{generation}/{incarnation}", values()) == "2/5/77");
}

TEST_CASE("braces that are no placeholder reach the worker unchanged") {
    for (const std::string text :
         {"{}", "{", "}", "{x}", "{\"a\": {\"b\": 1}}", "{{.Name}}", "{fd}", "{slot:web}",
          "{ slot }", "{fd:web", "${slotted}", "{SLOT}"}) {
        CAPTURE(text);
        CHECK(expand(text, values()) == text);
        CHECK(find_placeholders(text).empty());
    }
}

TEST_CASE("a doubled brace gives a worker the text of a placeholder") {
    CHECK(expand("{{slot}", values()) == "{slot}");
    CHECK(expand("{{fd:web} {fd:web}", values()) == "{fd:web} 3");
    CHECK(expand("{{{slot}}", values()) == "{{slot}}");
    CHECK(find_placeholders("{{fd:web}").empty());
    CHECK(find_placeholders("{fd:x}{slot}").size() == 2);
}

TEST_CASE("variables are taken from the environment, and a forgotten one is not silently empty") {
    CHECK(variables_in("${A}", {{"A", "x"}}) == "x");
    CHECK(variables_in("a${A}b${B}c", {{"A", "1"}, {"B", "2"}}) == "a1b2c");
    CHECK(variables_in("${A:-d}") == "d");
    CHECK(variables_in("${A:-d}", {{"A", ""}}) == "d");
    CHECK(variables_in("${A:-}") == "");
    CHECK(variables_in("${A:-${B:-c}}") == "c");
    CHECK(variables_in("${A:-{fd:web}}") == "{fd:web}");
    CHECK(variables_in("${A:-{fd:web}}", {{"A", "x"}}) == "x");
    CHECK(variables_in("$${A}") == "${A}");
    CHECK(variables_in("$A $5 $") == "$A $5 $");
    CHECK(variables_in("${A}", {{"A", "${B}"}}) == "${B}");
    CHECK(variables_in("${A}").starts_with("error: ${A} is not set"));
    CHECK(variables_in("${A").starts_with("error: "));
    CHECK(variables_in("${}").starts_with("error: "));
    CHECK(variables_in("${1A:-x}").starts_with("error: "));
}

TEST_CASE("variables cannot make reeve use up its memory or its stack") {
    std::string nested;
    for (int i = 0; i < 100'000; ++i) {
        nested += "${A:-";
    }
    CHECK(variables_in(nested + std::string(100'000, '}')).starts_with("error: "));
    std::string many;
    for (int i = 0; i < 100; ++i) {
        many += "${A}";
    }
    CHECK(variables_in(many, {{"A", std::string(100'000, 'x')}}).starts_with("error: "));
}

}  // namespace reeve::config

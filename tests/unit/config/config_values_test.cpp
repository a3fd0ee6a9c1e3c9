// Single values: what people write is what they get, and slips are errors.
#include <doctest/doctest.h>

#include "config/values.hpp"

namespace reeve::config {

using std::chrono_literals::operator""ns;
using std::chrono_literals::operator""us;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;

TEST_CASE("a duration read wrongly would kill workers too early or never") {
    CHECK(parse_duration("30").value == 30s);
    CHECK(parse_duration("0").value == 0s);
    CHECK(parse_duration("0.1").value == 100ms);
    CHECK(parse_duration("120s").value == 120s);
    CHECK(parse_duration("500ms").value == 500ms);
    CHECK(parse_duration("2m").value == 2min);
    CHECK(parse_duration("1h").value == 1h);
    CHECK(parse_duration("1m30s").value == 90s);
    CHECK(parse_duration("1.5h").value == 90min);
    CHECK(parse_duration("250us").value == 250us);
    for (const std::string text : {"", "s", "-1", "+1", "1 s", "1x", "1m30", "1.s", ".", "1..2s",
                                   "1e3", "abc", "99999999999999999999", "9999999999999h", "1s2"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_duration(text).ok());
    }
}

TEST_CASE("a size read wrongly would rotate workers at a thousandth of their memory") {
    CHECK(parse_bytes("65536").value == 65536);
    CHECK(parse_bytes("512M").value == 512ULL * 1024 * 1024);
    CHECK(parse_bytes("1GiB").value == 1024ULL * 1024 * 1024);
    CHECK(parse_bytes("1.5G").value == 1536ULL * 1024 * 1024);
    CHECK(parse_bytes("2MB").value == 2'000'000);
    CHECK(parse_bytes("4k").value == 4096);
    for (const std::string text : {"", "M", "-1", "1 M", "1X", "1M1K", "99999999999T"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_bytes(text).ok());
    }
}

TEST_CASE("a signal read wrongly would kill workers that were asked to finish") {
    CHECK(parse_signal("TERM").value == 15);
    CHECK(parse_signal("SIGQUIT").value == 3);
    CHECK(parse_signal("sigwinch").value == 28);
    CHECK(parse_signal("15").value == 15);
    CHECK(parse_signal("RTMIN+3").value == 37);
    CHECK(parse_signal("RTMIN").value == 34);
    for (const std::string text : {"", "0", "65", "-1", "SIG", "FOO", "STOP", "19", "RTMIN+",
                                   "RTMIN+99", "RTMINX", "RTMIN-1"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_signal(text).ok());
    }
}

TEST_CASE("a mode read as decimal would open a socket to everybody") {
    CHECK(parse_octal("0660").value == 0660U);
    CHECK(parse_octal("660").value == 0660U);
    CHECK(parse_octal("0o22").value == 022U);
    CHECK(parse_octal("0").value == 0U);
    for (const std::string text : {"", "8", "0999", "1777", "-1", "rw"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_octal(text).ok());
    }
}

TEST_CASE("a switch that is misread would do the opposite") {
    CHECK(parse_bool("yes").value);
    CHECK(parse_bool("True").value);
    CHECK_FALSE(parse_bool("off").value);
    CHECK(parse_bool("off").ok());
    CHECK_FALSE(parse_bool("1").ok());
    CHECK_FALSE(parse_bool("").ok());
}

TEST_CASE("a count out of its range is refused and not wrapped around") {
    CHECK(parse_count("4", 1, 4096).value == 4);
    CHECK_FALSE(parse_count("0", 1, 4096).ok());
    CHECK_FALSE(parse_count("4097", 1, 4096).ok());
    CHECK_FALSE(parse_count("4.5", 1, 4096).ok());
    CHECK_FALSE(parse_count("-1", 0, 4096).ok());
    CHECK_FALSE(parse_count("99999999999999999999999", 0, 4096).ok());
    CHECK(parse_integer("-5", -20, 19).value == -5);
    CHECK_FALSE(parse_integer("20", -20, 19).ok());
}

TEST_CASE("a printed value means the same when it is read again") {
    for (const core::Duration value :
         {core::Duration{0ns}, core::Duration{1ns}, core::Duration{100ms}, core::Duration{60s},
          core::Duration{90s}, core::Duration{2h}}) {
        CHECK(parse_duration(format_duration(value)).value == value);
    }
    for (const std::uint64_t value : {0ULL, 1ULL, 1024ULL, 1025ULL, 1ULL << 20U, 3ULL << 30U}) {
        CHECK(parse_bytes(format_bytes(value)).value == value);
    }
    for (int signal = 1; signal <= 64; ++signal) {
        if (signal == 19) continue;
        CHECK(parse_signal(format_signal(signal)).value == signal);
    }
    for (const unsigned mode : {0U, 022U, 0660U, 0777U}) {
        CHECK(parse_octal(format_octal(mode)).value == mode);
    }
}

}  // namespace reeve::config

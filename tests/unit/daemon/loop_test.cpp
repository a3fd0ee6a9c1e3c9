// What the loop promises to those who let it watch.
#include "daemon/loop.hpp"

#include <system_error>

#include <doctest/doctest.h>

TEST_CASE("what cannot be watched would end reeve by an exception that nobody expects") {
    reeve::daemon::Loop loop;
    CHECK_THROWS_AS(static_cast<void>(loop.on_readable(-1, [] {})), std::system_error);
    CHECK_THROWS_AS(static_cast<void>(loop.on_writable(-1, [] {})), std::system_error);
}

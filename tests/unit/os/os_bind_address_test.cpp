// Which address is one of ours: exhaustive, because a wrong answer takes or leaves a socket.
#include <arpa/inet.h>
#include <array>
#include <cstddef>
#include <cstring>
#include <netinet/in.h>
#include <sys/un.h>

#include <doctest/doctest.h>

#include "os/bind_address.hpp"

namespace os = reeve::os;
using os::Fit;

namespace {

os::InetAddress inet(const std::string& host, std::uint16_t port, bool v6only = false) {
    sockaddr_storage storage{};
    std::size_t size = 0;
    if (host.find(':') == std::string::npos) {
        sockaddr_in v4{};
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        REQUIRE(::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1);
        std::memcpy(&storage, &v4, size = sizeof v4);
    } else {
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        REQUIRE(::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1);
        std::memcpy(&storage, &v6, size = sizeof v6);
    }
    auto address = std::get<os::InetAddress>(os::parse_address(storage, size).value());
    address.v6only = v6only;
    return address;
}

std::optional<os::BindAddress> unix_address(const std::string& bytes) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::memcpy(to.sun_path, bytes.data(), bytes.size());
    sockaddr_storage storage{};
    std::memcpy(&storage, &to, sizeof to);
    return os::parse_address(storage, offsetof(sockaddr_un, sun_path) + bytes.size());
}

/// All kinds of addresses that a socket can have; v6only means something for IPv6 alone.
const std::array<os::InetAddress, 9>& kinds() {
    static const std::array all{
        inet("0.0.0.0", 80),   inet("10.0.0.1", 80), inet("127.0.0.1", 80),
        inet("::", 80),        inet("::", 80, true), inet("::1", 80),
        inet("::1", 80, true), inet("fe80::1", 80),  inet("::ffff:127.0.0.1", 80)};
    return all;
}

}  // namespace

TEST_CASE("a worker would get a socket of another port, or none for its own") {
    using enum Fit;
    // A row for each that is asked for, a column for each that the pool may have.
    constexpr Fit table[9][9] = {
        //            any4      10.0.0.1  127.0.0.1 any6      any6only ::1   ::1only fe80  mapped
        /* any4   */ {same, wider, wider, same, none, none, none, none, wider},
        /* 10.    */ {narrower, same, none, narrower, none, none, none, none, none},
        /* 127.   */ {narrower, none, same, narrower, none, none, none, none, same},
        /* any6   */ {same, wider, wider, same, same, wider, wider, wider, wider},
        /* any6o  */ {none, none, none, same, same, wider, wider, wider, none},
        /* ::1    */ {none, none, none, narrower, narrower, same, same, none, none},
        /* ::1o   */ {none, none, none, narrower, narrower, same, same, none, none},
        /* fe80   */ {none, none, none, narrower, narrower, none, none, same, none},
        /* mapped */ {narrower, none, same, narrower, none, none, none, none, same},
    };
    for (std::size_t asked = 0; asked < kinds().size(); ++asked) {
        for (std::size_t ours = 0; ours < kinds().size(); ++ours) {
            CAPTURE(asked);
            CAPTURE(ours);
            CHECK(os::fit_of(kinds()[asked], kinds()[ours]) == table[asked][ours]);
            auto other = kinds()[asked];
            other.port = 81;
            CHECK(os::fit_of(other, kinds()[ours]) == none);
        }
    }
}

TEST_CASE("a worker that lets the kernel pick a port would get the pool's") {
    CHECK(os::fit_of(inet("127.0.0.1", 0), inet("127.0.0.1", 0)) == Fit::none);
}

TEST_CASE("a link-local address of another interface would count as ours") {
    auto ours = inet("fe80::1", 80);
    auto asked = ours;
    ours.scope = 2;
    CHECK(os::fit_of(asked, ours) == Fit::same);
    asked.scope = 3;
    CHECK(os::fit_of(asked, ours) == Fit::none);
}

TEST_CASE("an address from hostile memory would be read beyond its end") {
    sockaddr_storage storage{};
    for (const int family : {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK, AF_UNSPEC}) {
        storage.ss_family = static_cast<sa_family_t>(family);
        for (std::size_t size = 0; size <= sizeof storage; ++size) {
            const auto address = os::parse_address(storage, size);
            CHECK(address.has_value() ==
                  ((family == AF_INET && size >= 16) || (family == AF_INET6 && size >= 24) ||
                   (family == AF_UNIX && size > 3 && size <= 110)));
        }
    }
}

TEST_CASE("a Unix name would be cut, or an abstract one taken for a path") {
    CHECK(unix_address("/run/x.sock") == os::BindAddress{os::UnixPath{"/run/x.sock"}});
    CHECK(unix_address(std::string{"/run/x.sock\0tail", 16}) ==
          os::BindAddress{os::UnixPath{"/run/x.sock"}});
    const std::string full(108, 'p');
    CHECK(unix_address(full) == os::BindAddress{os::UnixPath{full}});
    CHECK(unix_address(std::string{"\0name\0x", 7}) ==
          os::BindAddress{os::AbstractName{std::string{"name\0x", 6}}});
    CHECK(unix_address("") == std::nullopt);
}

TEST_CASE("an address in the log would not be the one of the configuration") {
    CHECK(os::text_of(inet("127.0.0.1", 8000)) == "127.0.0.1:8000");
    CHECK(os::text_of(inet("::ffff:127.0.0.1", 8000)) == "127.0.0.1:8000");
    CHECK(os::text_of(inet("::1", 8000)) == "[::1]:8000");
    CHECK(os::text_of(os::UnixPath{"/run/x"}) == "unix:/run/x");
    CHECK(os::text_of(os::AbstractName{"x"}) == "unix:@x");
}

TEST_CASE("a path that is written in another way would be another path") {
    CHECK(os::absolute_path("/run/x.sock", "/srv") == "/run/x.sock");
    CHECK(os::absolute_path("x.sock", "/srv") == "/srv/x.sock");
    CHECK(os::absolute_path("./a/../x.sock", "/srv/") == "/srv/x.sock");
    CHECK(os::absolute_path("//run///x.sock", "/") == "/run/x.sock");
    CHECK(os::absolute_path("../../x", "/srv") == "/x");
    CHECK(os::absolute_path("/..", "/srv") == "/");
}

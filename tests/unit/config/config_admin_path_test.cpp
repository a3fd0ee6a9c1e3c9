// Where the admin socket is by default: daemon and client must agree.
#include <doctest/doctest.h>

#include "config/admin_path.hpp"
#include "support.hpp"

namespace reeve::config {

namespace {

std::string path_for(std::string_view name, std::uint32_t uid, Variables variables) {
    return default_admin_path(name, uid, environment_of(std::move(variables)));
}

}  // namespace

TEST_CASE("a client that looks elsewhere than the daemon listens would find nobody") {
    CHECK(path_for("", 0, {}) == "/run/reeve/admin.sock");
    CHECK(path_for("blue", 0, {}) == "/run/reeve/blue/admin.sock");
    CHECK(path_for("", 1000, {{"XDG_RUNTIME_DIR", "/run/user/1000"}}) ==
          "/run/user/1000/reeve/admin.sock");
    CHECK(path_for("blue", 1000, {{"XDG_RUNTIME_DIR", "/run/user/1000"}}) ==
          "/run/user/1000/reeve/blue/admin.sock");
    CHECK(path_for("", 1000, {}) == "/tmp/reeve-1000/admin.sock");
    CHECK(path_for("blue", 1000, {}) == "/tmp/reeve-1000/blue/admin.sock");
}

TEST_CASE("under systemd the socket is in the unit's own directory, whoever runs it") {
    CHECK(path_for("", 0, {{"RUNTIME_DIRECTORY", "/run/reeve"}}) == "/run/reeve/admin.sock");
    CHECK(path_for("blue", 1000, {{"RUNTIME_DIRECTORY", "/run/reeve-blue:/run/other"}}) ==
          "/run/reeve-blue/admin.sock");
}

TEST_CASE("a directory that is no absolute path would depend on where reeve was started") {
    CHECK(path_for("", 0, {{"RUNTIME_DIRECTORY", "reeve"}}) == "/run/reeve/admin.sock");
    CHECK(path_for("", 7, {{"XDG_RUNTIME_DIR", ""}}) == "/tmp/reeve-7/admin.sock");
    CHECK(path_for("", 7, {{"XDG_RUNTIME_DIR", "run"}}) == "/tmp/reeve-7/admin.sock");
}

TEST_CASE("only what lies in /tmp could have been put there by somebody else") {
    CHECK(shared_tmp_part("/tmp/reeve-7/blue/admin.sock") == "/tmp/reeve-7");
    CHECK(shared_tmp_part("/tmp/reeve-7/admin.sock") == "/tmp/reeve-7");
    CHECK(shared_tmp_part("/run/reeve/admin.sock").empty());
    CHECK(shared_tmp_part("/tmp/other/admin.sock").empty());
    CHECK(shared_tmp_part("/tmp/reeve-x7/admin.sock").empty());
    CHECK(shared_tmp_part("/tmp/reeve-7").empty());
}

}  // namespace reeve::config

// The unit of systemd that ran the old manager.
#include <doctest/doctest.h>

#include "import/unit.hpp"

namespace reeve::imports {

namespace {

Unit read(const std::string& service) {
    auto unit = read_unit("[Service]\n" + service, "x.service");
    REQUIRE(unit.error.empty());
    return unit.value;
}

std::string error(const std::string& text) { return read_unit(text, "x.service").error; }

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("the command is what is left without prefixes, env, variables of the unit and resets") {
    CHECK(read("ExecStart=-/usr/bin/gunicorn 'a b' 100%%\n").command ==
          Words{"/usr/bin/gunicorn", "a b", "100%"});
    CHECK(read("ExecStart=/bin/x\nExecStart=\nExecStart=gunicorn\n").command == Words{"gunicorn"});
    CHECK(read("Environment=A=1 'B=2 3'\nExecStart=env gunicorn --a=${A} $B \\\n# c\n  last\n")
              .command == Words{"gunicorn", "--a=1", "2 3", "last"});
    CHECK(read("ExecStart=/bin/sh -c 'exec gunicorn x'\n").command == Words{"gunicorn", "x"});
}

TEST_CASE("each line of the service is told of, and those of other sections are not") {
    const auto unit =
        read("ExecStart=gunicorn\nUser=u\nProtectHome=yes\nType=notify\n[Install]\nX=y\n");
    REQUIRE(unit.entries.size() == 4);
    CHECK(unit.entries[1].becomes == "user");
    CHECK(unit.entries[1].from == "x.service:3");
    CHECK(unit.entries[2].fate == Fate::different);
    CHECK(unit.entries[3].note == "reeve.service has its own.");
    CHECK(unit.cwd == "/");
}

TEST_CASE("what makes no sense is refused with its place") {
    CHECK(error("[Service]\nExecStart=/bin/true\n") == "x.service: ExecStart runs no gunicorn");
    CHECK(error("") == "x.service: ExecStart runs no gunicorn");
    CHECK(error("[Service]\nnonsense\n") == "x.service:2: is no KEY=VALUE");
    CHECK(error("[Service]\nEnvironment=A\n") ==
          "x.service:2: Environment is no list of NAME=VALUE");
    CHECK(error("[Service]\nWorkingDirectory=~\n") ==
          "x.service:2: WorkingDirectory is no absolute path");
}

}  // namespace reeve::imports

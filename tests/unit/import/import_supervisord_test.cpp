// What becomes of supervisord's files.
#include <doctest/doctest.h>

#include "import/ini.hpp"
#include "import/percent.hpp"
#include "import/supervisord.hpp"
#include "import/supervisord_program.hpp"
#include "support.hpp"

namespace reeve::imports {

namespace {

using Map = std::map<std::string, std::string>;

/// A translation of files that are not there: the first one includes what it likes.
config::Parsed<Imported> translated(const Map& files) {
    Supervisord from;
    from.file = "/etc/s.conf";
    from.host = "host";
    from.files.read = [&](const std::string& path) {
        const auto found = files.find(path);
        return found == files.end() ? config::Parsed<std::string>::failure("No such file")
                                    : config::Parsed<std::string>::success(found->second);
    };
    from.files.find = [&](const std::string& pattern) {
        std::vector<std::string> out;
        for (const auto& [path, text] : files) {
            if (path != "/etc/s.conf" && path.starts_with(pattern.substr(0, pattern.find('*')))) {
                out.push_back(path);
            }
        }
        return out;
    };
    return translate(from);
}

Imported imported(const std::string& text) {
    auto out = translated({{"/etc/s.conf", text}});
    REQUIRE(out.error.empty());
    return out.value;
}

std::string error(const std::string& text) { return translated({{"/etc/s.conf", text}}).error; }

core::PoolConfig pool(const std::string& text, Map variables = {}) {
    return load_draft(imported(text).draft, std::move(variables)).pools.front();
}

Text expanded(const std::string& text) {
    Percent percent;
    percent.names = {{"here", "/etc"}, {"n", "7"}};
    percent.process_number = "3";
    return percent.expand(text).value;
}

}  // namespace

TEST_CASE("sections, keys, comments and values that go on are read as supervisord does") {
    const auto read =
        read_ini("; c\n[a] ; c\nKey : v ; c\n  more\n\nk2=x;y\n[b]\n[a]\nkey=last\n", "f");
    REQUIRE(read.error.empty());
    REQUIRE(read.value.size() == 2);
    CHECK(read.value[0].find("key")->value == "last");
    CHECK(read.value[0].find("key")->place == "f:9");
    CHECK(read.value[0].find("k2")->value == "x;y");
    CHECK(read_ini("[a]\nk=v\n\tmore\n", "f").value[0].find("k")->value == "v\nmore");
    CHECK(read_ini("x=1\n", "f").error == "f:1: stands before the first [section]");
    CHECK(read_ini("[a]\nnonsense\n", "f").error == "f:2: is neither [section] nor KEY = VALUE");
    CHECK(read_ini("[a\n", "f").error == "f:1: lacks a ]");
    CHECK(read_ini(std::string("[a]\nx=\0\n", 8), "f").error == "f:2: a NUL byte: this is no text");
}

TEST_CASE("%(name)s in every form, and variables that become reeve's") {
    CHECK(expanded("%(here)s/%(n)03d-%(process_num)s-%%").text == "/etc/007-3-%");
    CHECK(expanded("%(ENV_A)s ${B}").text == "${A} $${B}");
    CHECK(expanded("%(ENV_A)s").variables);
    CHECK_FALSE(expanded("${B}").variables);
    CHECK(Percent{}.expand("50%").error.starts_with("has a % that begins no"));
    CHECK(Percent{}.expand("%(n").error.starts_with("has a % that begins no"));
    CHECK(Percent{}.expand("%(x)s").error.starts_with("has %(x)s, which"));
    CHECK(pads_number("a%(process_num)02d"));
    CHECK_FALSE(pads_number("%(here)02d%(process_num)d"));
}

TEST_CASE("a program becomes a pool of one worker unless it says otherwise") {
    const auto plain = pool("[program:x]\ncommand=/bin/cat 'a b'\n");
    CHECK(plain.policy.workers == 1);
    CHECK(plain.process.command == std::vector<std::string>{"/bin/cat", "a b"});
    const auto full = pool(
        "[program:x]\ncommand=/bin/cat %(ENV_A)s %(program_name)s %(process_num)d\nnumprocs=3\n"
        "stopsignal=QUIT\nstopwaitsecs=7\nstartsecs=2\nstartretries=4\nuser=root\numask=027\n"
        "directory=/"
        "tmp\nautorestart=unexpected\nexitcodes=0,2\nenvironment=A=\"1,2\",B='%(ENV_A)s'\n",
        {{"A", "v"}});
    CHECK(full.process.command == std::vector<std::string>{"/bin/cat", "v", "x", "{slot}"});
    CHECK(full.policy.workers == 3);
    CHECK(full.policy.stop_signal == 3);
    CHECK(full.policy.graceful_timeout == std::chrono::seconds{7});
    CHECK(full.policy.stable_after == std::chrono::seconds{2});
    CHECK(full.policy.give_up_after == 4);
    CHECK(full.process.umask == 027);
    CHECK(full.policy.fatal_exit_codes == std::vector<int>{0, 2});
    CHECK(full.process.env == Map{{"A", "1,2"}, {"B", "v"}});
}

TEST_CASE("processes that are numbered in their own way get a pool each") {
    const auto config =
        load_draft(imported("[program:x]\ncommand=/bin/cat 80%(process_num)02d\nnumprocs=2\n"
                            "numprocs_start=5\n")
                       .draft);
    REQUIRE(config.pools.size() == 2);
    CHECK(config.pools[0].name == "x-5");
    CHECK(config.pools[1].process.command[1] == "8006");
    CHECK(error("[program:x]\ncommand=/bin/cat %(process_num)02d\nnumprocs=1000\n")
              .starts_with("s.conf:3: numprocs "));
}

TEST_CASE("priorities order the pools only where somebody has set one") {
    const auto text =
        "[program:a]\ncommand=x\n[program:b]\ncommand=x\npriority=1\n"
        "[program:c]\ncommand=x\n";
    const auto config = load_draft(imported(text).draft);
    CHECK(config.pools[0].after == std::vector<std::string>{"b"});
    CHECK(config.pools[1].after.empty());
    CHECK(load_draft(imported("[program:a]\ncommand=x\n[program:b]\ncommand=x\n").draft)
              .pools[1]
              .after.empty());
}

TEST_CASE("what supervisord opened reeve opens, and gives it where the program looks for it") {
    const auto by_number = pool(
        "[fcgi-program:x]\nsocket=tcp://127.0.0.1:80\nsocket_backlog=9\n"
        "command=uvicorn --fd 0 a:b\n");
    CHECK(by_number.process.command[2] == "{fd:web}");
    CHECK(by_number.listen.front().backlog == 9);
    const auto on_zero = pool(
        "[fcgi-program:x]\nsocket=unix:///run/%(program_name)s.sock\n"
        "command=php-cgi 'a b'\nuser=root\n");
    CHECK(on_zero.process.command[2] == "exec php-cgi 'a b' <&{fd:web} {fd:web}<&-");
    CHECK(on_zero.listen.front().path == "/run/x.sock");
    CHECK(on_zero.listen.front().mode == 0700);
    CHECK(on_zero.listen.front().owner == "root");
    CHECK(error("[fcgi-program:x]\ncommand=y\n") == "s.conf:1: [fcgi-program:x] has no socket");
    CHECK(error("[fcgi-program:x]\ncommand=y\nsocket=/x\n").starts_with("s.conf:3: socket is nei"));
}

TEST_CASE("what does not start by itself is written as a comment") {
    const auto out = imported("[program:a]\ncommand=x\nautostart=false\n[program:b]\ncommand=x\n");
    CHECK(load_draft(out.draft).pools.size() == 1);
    CHECK(show_draft(out.draft).find("#  a:\n#    command: [x]\n") != std::string::npos);
    CHECK(error("[program:a]\ncommand=x\nautorestart=false\n") ==
          "/etc/s.conf: no program that supervisord starts");
}

TEST_CASE("[supervisord] speaks for all programs, and files are included") {
    const auto out =
        translated({{"/etc/s.conf",
                     "[supervisord]\numask=077\nenvironment=A=1,B=2\n"
                     "[include]\nfiles=conf.d/*.conf\n"},
                    {"/etc/conf.d/a.conf", "[program:a]\ncommand=x\nenvironment=B=3\n"}});
    REQUIRE(out.error.empty());
    const auto one = load_draft(out.value.draft).pools.front();
    CHECK(one.process.umask == 077);
    CHECK(one.process.env == Map{{"A", "1"}, {"B", "3"}});
    CHECK(entry_of(out.value.report, "program:a.command").from == "conf.d/a.conf:2");
    CHECK(entry_of(out.value.report, "[include]").fate == Fate::none);
}

TEST_CASE("every key of the table is told of") {
    for (const auto& key : supervisord_keys()) {
        const auto name = std::string{key.name};
        std::string text = "[program:x]\ncommand=/bin/cat\n";
        if (name != "command") {
            const bool program = key.section == "program";
            const auto section = std::string{key.section} + (program ? ":x" : "");
            const bool fcgi = key.section == "fcgi-program";
            text = fcgi      ? "[fcgi-program:x]\ncommand=/bin/cat\nsocket=tcp://127.0.0.1:1\n"
                   : program ? text
                             : text + "[" + section + "]\n";
            const std::string value = name == "environment"         ? "A=1"
                                      : name == "socket"            ? "tcp://127.0.0.1:1"
                                      : name.starts_with("auto")    ? "true"
                                      : name.ends_with("level")     ? "info"
                                      : name.ends_with("directory") ? "/"
                                                                    : "1";
            text += name + "=" + value + "\n";
        }
        const auto out = imported(text);
        const auto section = std::string{key.section} + (key.section == "supervisord" ? "" : ":x");
        const auto entry = entry_of(out.report, section + "." + name);
        CHECK_MESSAGE((!entry.becomes.empty() || !entry.note.empty() || !key.becomes.empty() ||
                       !key.note.empty()),
                      name);
        (void)load_draft(out.draft);
    }
}

TEST_CASE("what makes no sense is refused with its place") {
    CHECK(error("") == "/etc/s.conf: no program that supervisord starts");
    CHECK(error("[program:x]\n") == "s.conf:1: [program:x] has no command");
    CHECK(error("[program:]\ncommand=x\n") == "s.conf:1: [program:] names no program");
    CHECK(error("[program:x]\ncommand=x %(y)s\n").starts_with("s.conf:2: command has %(y)s"));
    CHECK(error("[program:x]\ncommand=x\nenvironment=A\n") ==
          "s.conf:3: environment is no list of KEY=VALUE");
    CHECK(error("[program:x]\ncommand=x\nenvironment=A=\"1\n") ==
          "s.conf:3: environment has a quote that does not end");
    CHECK(error("[program:x]\ncommand=x\npriority=high\n").starts_with("s.conf:3: priority "));
    CHECK(error("[program:x]\ncommand=a 'b\n").starts_with("s.conf:2: command "));
}

}  // namespace reeve::imports

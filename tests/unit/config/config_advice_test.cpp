// What is known of programs, and what is advised for them: each advice must be one that loads.
#include <algorithm>

#include <doctest/doctest.h>

#include "config/advice.hpp"
#include "config/values.hpp"
#include "config/words.hpp"
#include "support.hpp"

namespace reeve::config {

namespace {

using Words = std::vector<std::string>;

std::string title_of(const Words& command) {
    const auto* row = find_program(command);
    return row == nullptr ? "" : std::string{row->title};
}

core::PoolConfig pool_of(const std::string& options) {
    const auto loaded = load_text("pools: {web: {" + options + "}}");
    REQUIRE(errors_of(loaded) == "");
    return loaded.config.pools.front();
}

Advice advice_for(const Words& command, const std::string& options,
                  Subject::Linkage linkage = Subject::Linkage::dynamic) {
    auto pool = pool_of("command: x, " + options);
    pool.process.command = command;
    Subject subject;
    const auto unwrapped = unwrap(command);
    subject.command = unwrapped.command;
    subject.opaque = unwrapped.opaque;
    subject.linkage = linkage;
    return advise(subject, pool);
}

constexpr auto tcp = "listen: 127.0.0.1:8000";

bool warns(const Advice& advice, std::string_view of) {
    return std::any_of(advice.warnings.begin(), advice.warnings.end(),
                       [&](const auto& warning) { return warning.find(of) != std::string::npos; });
}

}  // namespace

TEST_CASE("a program would not be recognised by its file, its module or its interpreter") {
    CHECK(title_of({"/usr/bin/uvicorn", "app:app"}) == "uvicorn");
    CHECK(title_of({"python3", "-m", "uvicorn", "app:app"}) == "uvicorn");
    CHECK(title_of({"python3.11", "-W", "error", "-m", "http.server"}) == "http.server");
    CHECK(title_of({"python3", "-mhttp.server"}) == "http.server");
    CHECK(title_of({"python3", "-m", "unheard.of"}) == "Python");
    CHECK(title_of({"python3", "app.py", "-m", "uvicorn"}) == "Python");
    CHECK(title_of({"python3", "-c", "1", "-m", "uvicorn"}) == "Python");
    CHECK(title_of({"/usr/sbin/php-fpm8.2"}) == "php-fpm");
    CHECK(title_of({"php8.2", "-S", "x"}) == "an interpreter");
    CHECK(title_of({"apache2"}) == "Apache httpd");
    CHECK(title_of({"./worker"}) == "");
    CHECK(title_of({}) == "");
}

TEST_CASE("what stands before a program would be taken for it") {
    CHECK(unwrap({"env", "-u", "A", "B=1", "nginx", "-g", "x"}).command ==
          Words{"nginx", "-g", "x"});
    CHECK(unwrap({"nice", "-n", "5", "setsid", "node", "x"}).command == Words{"node", "x"});
    const auto shell = unwrap({"/bin/sh", "-c", "exec node 'a b'"});
    CHECK(shell.command == Words{"node", "a b"});
    CHECK(shell.shell);
    CHECK_FALSE(shell.opaque);
    CHECK(unwrap({"sh", "-c", "cd /srv && exec node x"}).opaque);
    CHECK(unwrap({"sh", "-c", "A=1 node x"}).opaque);
    CHECK(unwrap({"sh", "-c", "node $X"}).opaque);
    CHECK(unwrap({"sh", "script"}).command == Words{"sh", "script"});
    CHECK(unwrap({"env"}).command == Words{"env"});
    CHECK(unwrap({}).command.empty());
    CHECK(unwrap(Words(100, "env")).command.size() > 1);
}

TEST_CASE("a row of the table would name a value that no option has") {
    for (const auto& row : programs()) {
        CAPTURE(row.title);
        CHECK(parse_signal(row.stop_signal).ok());
        CHECK_FALSE(row.title.empty());
        CHECK_FALSE(row.drain.empty());
        const auto advice = advice_for({std::string{row.names.substr(0, row.names.find('|'))}},
                                       row.sockets ? tcp : "workers: 1");
        for (const auto* choice : advice.choices()) {
            CAPTURE(choice->key);
            CHECK_FALSE(choice->why.empty());
            if (choice->added) {
                const auto* option = find_option(Scope::pool, choice->key);
                REQUIRE(option != nullptr);
                CHECK(errors_of(load_text("pools: {web: {command: x, listen: 127.0.0.1:1, " +
                                          choice->key + ": " + choice->value + "}}")) == "");
            }
        }
    }
}

TEST_CASE("the command would not take the sockets") {
    const auto uvicorn =
        advice_for({"uvicorn", "--host", "0.0.0.0", "a:b", "--port=9000"}, "listen: {x: '[::]:1'}");
    CHECK(uvicorn.command == Words{"uvicorn", "a:b", "--fd", "{fd:x}"});
    CHECK(uvicorn.listen == "0.0.0.0:9000");
    const Words given{"uvicorn", "a:b", "--fd", "3"};
    CHECK(advice_for(given, tcp).command == given);
    CHECK(advice_for({"env", "A=1", "puma"}, tcp).command ==
          Words{"env", "A=1", "puma", "-b", "tcp://{addr:web}:{port:web}"});
    CHECK(advice_for({"puma"}, "listen: unix:/x").command ==
          Words{"puma", "-b", "unix://{addr:web}"});
    CHECK(advice_for({"puma"}, "listen: '[::1]:80'").command.back() ==
          "tcp://[{addr:web}]:{port:web}");
    CHECK(advice_for({"gunicorn", "-b", ":80", "a"}, tcp).command == Words{"gunicorn", "a"});
    CHECK(advice_for({"gunicorn", "-b", ":80", "a"}, tcp).listen == "0.0.0.0:80");
    CHECK(advice_for({"nginx"}, tcp).env == Words{"NGINX={fd:web};"});
    CHECK(advice_for({"nginx"}, "listen: 127.0.0.1:1, env: {NGINX: x}").env.empty());
    CHECK(advice_for({"php-fpm"}, "listen: unix:/x").env ==
          Words{"FPM_SOCKETS={addr:web}={fd:web}"});
    CHECK(advice_for({"python3", "-m", "http.server", "8123"}, tcp).listen == "127.0.0.1:8123");
}

TEST_CASE("a program would be stopped by a signal that cuts its requests, without a word") {
    const auto nginx = advice_for({"nginx"}, tcp);
    CHECK(nginx.stop_signal.value == "QUIT");
    CHECK(nginx.stop_signal.added);
    CHECK(advice_for({"httpd"}, tcp).stop_signal.value == "WINCH");
    CHECK_FALSE(advice_for({"gunicorn"}, tcp).stop_signal.added);
    CHECK(warns(advice_for({"./unheard-of"}, tcp), "unknown program: TERM may cut"));
    CHECK(warns(advice_for({"uwsgi"}, tcp), "it needs --exit-on-reload"));
    CHECK_FALSE(warns(advice_for({"uwsgi", "--exit-on-reload"}, tcp), "it needs --exit-on-reload"));
    CHECK_FALSE(warns(advice_for({"uvicorn", "a"}, tcp), "cut"));
    const auto written = advice_for({"nginx"}, "listen: 127.0.0.1:1, stop_signal: TERM");
    CHECK(written.stop_signal.value == "TERM");
    CHECK_FALSE(written.stop_signal.added);
}

TEST_CASE("a mistake that is known would be made at each start, and nobody told") {
    CHECK(known_mistakes(pool_of("command: nginx, listen: 127.0.0.1:1")).size() == 2);
    CHECK(known_mistakes(pool_of("command: nginx, listen: 127.0.0.1:1, stop_signal: QUIT, "
                                 "env: {NGINX: x}"))
              .empty());
    CHECK(known_mistakes(pool_of("command: nginx, stop_signal: TERM")).empty());
    CHECK(known_mistakes(pool_of("command: uvicorn a, listen: 127.0.0.1:1")).empty());
    CHECK(known_mistakes(pool_of("command: node a, listen: 127.0.0.1:1")).empty());
    CHECK(known_mistakes(pool_of("command: ./x, listen: 127.0.0.1:1")).empty());
}

}  // namespace reeve::config

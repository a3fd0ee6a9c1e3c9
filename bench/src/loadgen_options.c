/* The load generator's command line. */
#include "loadgen_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static const char usage[] =
    "usage: loadgen (--port N | --unix PATH) [OPTION]...\n"
    "  --connections N   at once (32)\n"
    "  --fresh N         of these, how many use a new connection for each request (0)\n"
    "  --idle N          of the others, how many pause between requests (all, with --idle-ms)\n"
    "  --idle-ms MS      pause, uniform in 0..MS (0)\n"
    "  --path PATH       what to GET (/pid)\n"
    "  --seconds S       how long (10); 0 = until SIGTERM, or end of file with --until-eof\n"
    "  --requests N      end after so many answers and failures\n"
    "  --until-eof       end when stdin ends\n"
    "  --timeout-ms MS   an answer that takes longer is late (10000)\n"
    "  --pause-ms MS     after a failure (10)\n"
    "  --seed N          of the pauses (1)\n"
    "Prints one JSON object. Exit code: 0 no failure, 1 some, 2 usage.\n";

struct options options = {.connections = 32,
                          .idle = -1,
                          .timeout_ms = 10000,
                          .pause_ms = 10,
                          .seconds = 10,
                          .path = "/pid",
                          .seed = 1};

static long number(const char* text, long least, long most) {
    char* end = NULL;
    long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || value < least || value > most) {
        fputs(usage, stderr);
        exit(2);
    }
    return value;
}

void parse_options(int argc, char** argv) {
    static const struct option known[] = {
        {"port", 1, NULL, 'p'},        {"unix", 1, NULL, 'u'},
        {"connections", 1, NULL, 'c'}, {"fresh", 1, NULL, 'f'},
        {"idle", 1, NULL, 'i'},        {"idle-ms", 1, NULL, 'm'},
        {"path", 1, NULL, 'P'},        {"seconds", 1, NULL, 's'},
        {"requests", 1, NULL, 'n'},    {"until-eof", 0, NULL, 'e'},
        {"timeout-ms", 1, NULL, 't'},  {"pause-ms", 1, NULL, 'w'},
        {"seed", 1, NULL, 'r'},        {0}};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (option) {
            case 'p': options.port = (uint16_t)number(optarg, 1, 65535); break;
            case 'u': options.unix_path = optarg; break;
            case 'c': options.connections = number(optarg, 1, 10000); break;
            case 'f': options.fresh = number(optarg, 0, 10000); break;
            case 'i': options.idle = number(optarg, 0, 10000); break;
            case 'm': options.idle_ms = number(optarg, 0, 3600000); break;
            case 'P': options.path = optarg; break;
            case 's': options.seconds = strtod(optarg, NULL); break;
            case 'n': options.requests = number(optarg, 1, 1000000000); break;
            case 'e': options.until_eof = 1; break;
            case 't': options.timeout_ms = number(optarg, 1, 3600000); break;
            case 'w': options.pause_ms = number(optarg, 0, 3600000); break;
            case 'r': options.seed = (uint64_t)number(optarg, 1, 1000000000); break;
            default: fputs(usage, stderr); exit(2);
        }
    }
    int addressed = (options.port != 0) != (options.unix_path != NULL);
    if (!addressed || optind != argc || strlen(options.path) > 300 ||
        (options.unix_path != NULL &&
         strlen(options.unix_path) >= sizeof((struct sockaddr_un*)0)->sun_path)) {
        fputs(usage, stderr);
        exit(2);
    }
    options.idle = options.idle_ms == 0 ? 0 : options.idle < 0 ? options.connections : options.idle;
}

// The tests of libreeve-worker: its C calls over real pipes and sockets.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

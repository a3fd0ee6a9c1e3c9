// Boost.JSON, compiled once for the whole daemon.
#include <boost/json/src.hpp>

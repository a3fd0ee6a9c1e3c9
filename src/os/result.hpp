// Success or error as a value: what every function of os/ returns instead of throwing.
#pragma once

#include <cerrno>
#include <stdexcept>
#include <string>
#include <utility>

#include <boost/assert/source_location.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

namespace reeve::os {

using Error = boost::system::error_code;

/// A value, or an errno as an error_code.
template <typename T>
using Result = boost::system::result<T>;

/// This errno value as an error.
inline Error make_error(int number) noexcept { return {number, boost::system::system_category()}; }

/// The calling thread's errno as an error. Call it before anything else can change errno.
inline Error last_error() noexcept { return make_error(errno); }

/// The operation would block: ask again when the descriptor is ready.
inline bool would_block(const Error& error) noexcept {
    return error.value() == EAGAIN || error.value() == EWOULDBLOCK;
}

/// An error that names its place: "listen tcp 127.0.0.1:80", EACCES, "ports below 1024 need ...".
struct Failure {
    std::string what;    ///< the operation and the thing
    int error = 0;       ///< errno, or 0 where there is none
    std::string hint{};  ///< what to do about it; may be empty

    /// One line: "what: strerror (hint)".
    [[nodiscard]] std::string text() const;
    friend bool operator==(const Failure&, const Failure&) = default;
};

/// Makes `Outcome<T>::value()` throw std::runtime_error with the failure's text; used while
/// starting.
[[noreturn]] void throw_exception_from_error(const Failure& failure,
                                             const boost::source_location& where);

/// A value, or an error that names its place.
template <typename T>
using Outcome = boost::system::result<T, Failure>;

}  // namespace reeve::os

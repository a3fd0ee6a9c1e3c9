// The event loop: waits for descriptors, one timer and signals, and calls back. Decides nothing.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "core/time.hpp"

namespace reeve::daemon {

/// A wait for one descriptor that repeats until this object goes. The descriptor is borrowed and
/// must outlive it.
class Watch {
public:
    struct State;

    Watch() noexcept;
    explicit Watch(std::shared_ptr<State> state) noexcept;
    Watch(Watch&&) noexcept;
    Watch& operator=(Watch&&) noexcept;
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch();

    explicit operator bool() const noexcept { return state_ != nullptr; }
    /// Ends the wait; the callback is not called again. Safe inside the callback.
    void stop() noexcept;

private:
    std::shared_ptr<State> state_;
};

/// One deadline.
class Timer {
public:
    struct State;

    Timer() noexcept;
    explicit Timer(std::shared_ptr<State> state) noexcept;
    Timer(Timer&&) noexcept;
    Timer& operator=(Timer&&) noexcept;
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    ~Timer();

    /// Calls back at `when`, once; nothing = never. Replaces what was set before.
    void set(std::optional<core::Time> when);

private:
    std::shared_ptr<State> state_;
};

class Loop {
public:
    Loop();
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    /// Throws std::system_error when the kernel will not watch `fd` (no memory, no room).
    Watch on_readable(int fd, std::function<void()> callback);
    Watch on_writable(int fd, std::function<void()> callback);
    Timer make_timer(std::function<void()> callback);
    /// Catches these signals from now on.
    void on_signals(std::span<const int> signals, std::function<void(int)> callback);
    /// Makes the next wait() return at once.
    void wake();

    /// Waits until something happens, then calls back for everything that is ready.
    void wait();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace reeve::daemon

// The event loop on Boost.Asio; no other file of the shell sees its headers.
#include "daemon/loop.hpp"

#include <chrono>
#include <system_error>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

namespace reeve::daemon {

namespace asio = boost::asio;
using Error = boost::system::error_code;

/// Kept alive by the operation that waits.
struct Watch::State : std::enable_shared_from_this<Watch::State> {
    State(asio::io_context& context, int fd, asio::posix::descriptor_base::wait_type wanted,
          std::function<void()> call)
        : descriptor(context, fd), what(wanted), callback(std::move(call)) {}
    ~State() { release(); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    void wait() {
        descriptor.async_wait(what, [self = shared_from_this()](const Error& error) {
            if (!error && !self->stopped) self->call();
        });
    }

    /// Calls back and waits again, also after an exception: a failure must not end the watching.
    void call() {
        struct Again {
            State& state;
            ~Again() {
                state.running = false;
                if (state.stopped) {
                    state.callback = nullptr;
                } else {
                    state.wait();
                }
            }
        };
        running = true;
        const Again again{*this};
        callback();
    }

    /// Gives the descriptor back without closing it.
    void release() noexcept {
        if (descriptor.is_open()) (void)descriptor.release();
    }

    asio::posix::stream_descriptor descriptor;
    asio::posix::descriptor_base::wait_type what;
    std::function<void()> callback;
    bool stopped = false;
    bool running = false;  ///< inside the callback, which must then outlive stop()
};

Watch::Watch() noexcept = default;
Watch::Watch(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}
Watch::Watch(Watch&&) noexcept = default;
Watch& Watch::operator=(Watch&& other) noexcept {
    if (this != &other) {
        stop();
        state_ = std::move(other.state_);
    }
    return *this;
}
Watch::~Watch() { stop(); }

void Watch::stop() noexcept {
    if (!state_) return;
    const auto state = std::exchange(state_, nullptr);
    state->stopped = true;
    state->release();
    if (!state->running) state->callback = nullptr;
}

struct Timer::State : std::enable_shared_from_this<Timer::State> {
    State(asio::io_context& context, std::function<void()> call)
        : timer(context), callback(std::move(call)) {}

    asio::steady_timer timer;
    std::optional<core::Time> armed;
    std::function<void()> callback;
};

Timer::Timer() noexcept = default;
Timer::Timer(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}
Timer::Timer(Timer&&) noexcept = default;
Timer& Timer::operator=(Timer&& other) noexcept = default;
Timer::~Timer() {
    if (state_) state_->timer.cancel();
}

void Timer::set(std::optional<core::Time> when) {
    if (state_->armed == when) return;
    state_->armed = when;
    if (!when) {
        state_->timer.cancel();
        return;
    }
    // libstdc++'s steady_clock is CLOCK_MONOTONIC, and so is core::Time.
    state_->timer.expires_at(std::chrono::steady_clock::time_point{when->time_since_epoch()});
    state_->timer.async_wait([weak = std::weak_ptr<State>{state_}](const Error& error) {
        const auto state = weak.lock();
        if (error || !state) return;
        state->armed.reset();
        state->callback();
    });
}

struct Loop::State {
    // One thread: asio may leave out its locks.
    asio::io_context context{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO};
    asio::signal_set signals{context};
    std::function<void(int)> on_signal;

    Watch watch(int fd, asio::posix::descriptor_base::wait_type what,
                std::function<void()> callback) {
        try {
            auto state = std::make_shared<Watch::State>(context, fd, what, std::move(callback));
            state->wait();
            return Watch{std::move(state)};
        } catch (const boost::system::system_error& error) {
            // Asio's own is none of std::system_error, which is what callers know.
            throw std::system_error(error.code(), "watching a descriptor");
        }
    }

    void wait_for_signal() {
        signals.async_wait([this](const Error& error, int number) {
            if (error) return;
            wait_for_signal();
            on_signal(number);
        });
    }
};

Loop::Loop() : state_(std::make_unique<State>()) {}
Loop::~Loop() = default;

Watch Loop::on_readable(int fd, std::function<void()> callback) {
    return state_->watch(fd, asio::posix::descriptor_base::wait_read, std::move(callback));
}

Watch Loop::on_writable(int fd, std::function<void()> callback) {
    return state_->watch(fd, asio::posix::descriptor_base::wait_write, std::move(callback));
}

Timer Loop::make_timer(std::function<void()> callback) {
    return Timer{std::make_shared<Timer::State>(state_->context, std::move(callback))};
}

void Loop::on_signals(std::span<const int> signals, std::function<void(int)> callback) {
    state_->on_signal = std::move(callback);
    for (const int number : signals) state_->signals.add(number);
    state_->wait_for_signal();
}

void Loop::wake() {
    asio::post(state_->context, [] {});
}

void Loop::wait() {
    if (state_->context.stopped()) state_->context.restart();
    state_->context.run_one();
    state_->context.poll();
}

}  // namespace reeve::daemon

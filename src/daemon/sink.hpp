// A bounded buffer in front of a descriptor that may have no reader: what finds no room is dropped.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "daemon/loop.hpp"
#include "os/output.hpp"

namespace reeve::daemon {

class Sink {
public:
    /// `room`: bytes that may wait.
    Sink(Loop& loop, os::Output output, std::uint64_t room);

    /// The whole piece or nothing: false when it was dropped. `share`: the part of the room that
    /// this kind of piece may fill, in hundredths.
    bool write(std::string_view piece, unsigned share);

    /// From here on pieces go there; for a file in the place of a file.
    void replace(os::Output output);

    /// Tries for at most this long to get rid of what waits.
    void flush(int milliseconds);

    [[nodiscard]] bool pollable() const noexcept { return output_.pollable(); }
    [[nodiscard]] bool backed_up() const noexcept { return !waiting_.empty(); }

private:
    void drain();

    Loop& loop_;
    os::Output output_;
    std::uint64_t room_;
    std::uint64_t used_ = 0;
    std::deque<std::string> waiting_;
    std::size_t written_ = 0;  ///< of the first piece
    Watch writable_;
};

}  // namespace reeve::daemon

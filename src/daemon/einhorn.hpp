// What einhorn's workers say to their master: read from bytes of whoever.
#pragma once

#include <string>
#include <string_view>

namespace reeve::daemon {

enum class EinhornWord {
    ack,      ///< worker:ack: it is ready
    ping,     ///< worker:ping: it lives
    other,    ///< a command of einhorn's that reeve has no use for
    garbage,  ///< no command at all
};

/// One message without its newline: JSON, or YAML with its newlines escaped by percent signs.
EinhornWord read_einhorn(std::string_view line);

/// The answer to a command that is not understood, as einhorn would send it.
std::string einhorn_refusal();

}  // namespace reeve::daemon

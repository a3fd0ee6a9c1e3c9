// The exit codes of reeve, all of them: the one table that the help, the pages and the code share.
#pragma once

namespace reeve::cli {

inline constexpr int exit_good = 0;          ///< done, also where there was nothing to do
inline constexpr int exit_failed = 1;        ///< it failed, or the daemon said no
inline constexpr int exit_usage = 2;         ///< the command line makes no sense
inline constexpr int exit_gave_up = 3;       ///< `run`: a pool could not be started
inline constexpr int exit_unavailable = 69;  ///< no daemon there; `run`: a socket cannot be had
inline constexpr int exit_refused = 77;      ///< not permitted for this user
inline constexpr int exit_config =
    78;  ///< `run`, `check`, `explain`, `import`: bad configuration, or no such program

/// The table as people read it, two lines.
inline constexpr auto exit_codes_text =
    "Exit codes: 0 done, 1 failed or refused by the daemon, 2 usage, 3 a pool gave up,\n"
    "69 no daemon there or a socket cannot be had, 77 not permitted, 78 bad configuration.";

}  // namespace reeve::cli

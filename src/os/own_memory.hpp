// What this process itself holds in memory and does not need.
#pragma once

namespace reeve::os {

/// Lets go of the clean pages of the program and its libraries: reading a configuration touches
/// much that running never does. What is needed comes back from the page cache, at a microsecond a
/// fault. Pages that were written, also those that are read-only since (relocations), stay.
void drop_clean_pages() noexcept;

}  // namespace reeve::os

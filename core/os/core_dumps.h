// Keeping this process's memory to itself.
#pragma once

namespace skillscale {

// No core file is written of this process, and no other process of the same user may
// trace it or read its memory and environment (PR_SET_DUMPABLE); programs that it
// starts begin anew. Not in builds whose sanitizer traces itself to find leaks.
void keep_memory_private() noexcept;

}  // namespace skillscale

// How many descriptors this process may open.
#pragma once

namespace skillscale {

// Raises the soft limit to the hard one (setrlimit(2)): a proxy has a descriptor
// for every peer, and the usual soft limit of 1024 is for programs that use select(2).
// Nothing happens when that is not allowed.
void raise_descriptor_limit() noexcept;

}  // namespace skillscale

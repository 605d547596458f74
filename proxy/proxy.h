// The whole proxy: the switch, and HTTP for those who watch it.
#pragma once

#include "base/result.h"
#include "os/shutdown.h"
#include "proxy/settings.h"

namespace skillscale {

// Runs until a signal. Error io_error when something cannot be bound or written.
Result<void> run_proxy(const ProxySettings& settings, Shutdown& shutdown);

}  // namespace skillscale

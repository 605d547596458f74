#include <csignal>
#include <cstdio>
#include <exception>

#include "daemon/logging.h"
#include "proxy/proxy.h"

namespace {

int fail(const skillscale::Error& error) {
  std::fprintf(stderr, "skillscale_proxy: %s\n", error.detail.c_str());
  return error.code == skillscale::ErrorCode::invalid_config ? 2 : 1;
}

}  // namespace

int main(int argc, char** argv) try {
  skillscale::ProxySettings settings;
  const auto loaded = skillscale::load_proxy_settings(argc, argv, settings);
  if (!loaded) return fail(loaded.error());
  if (loaded->exit_now) {
    std::fputs(loaded->output.c_str(), stdout);
    return 0;
  }
  auto shutdown = skillscale::Shutdown::on_signals({SIGINT, SIGTERM});  // Before the first thread.
  skillscale::start_log("skillscale_proxy", settings.common);
  const auto ran = skillscale::run_proxy(settings, shutdown);
  return ran ? 0 : fail(ran.error());
} catch (const std::exception& error) {
  return fail({skillscale::ErrorCode::internal, error.what()});
}

// The daemon's command line. Threads: one, at start.
#pragma once

#include <chrono>
#include <string>

#include "daemon/config/load.h"
#include "lib/core/result.h"

namespace pannier::daemon {

struct CommandLine {
  enum class Action {
    kServe,
    kCheckConfig,           // load, say so, stop
    kHealthcheck,           // contract::AwaitHealth(healthcheck_socket, healthcheck_timeout)
    kPrintConfigReference,  // ConfigReference()
    kPrintText,             // `text`: the help or the version
  };
  Action action = Action::kServe;
  Flags flags;
  std::string healthcheck_socket;
  std::chrono::milliseconds healthcheck_timeout{5'000};
  std::string text;
};

//   kInvalidArgument  wrong usage: exit code 2
Result<CommandLine> ParseCommandLine(int argc, const char* const* argv, std::string_view version,
                                     const Environment& environment);

}  // namespace pannier::daemon

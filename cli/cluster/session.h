// What every command of `kubectl pannier` works with. Threads: one.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "cli/terminal.h"
#include "lib/core/clock.h"
#include "operator/kube/api.h"

namespace pannier::cluster {

// Lifetime: all that it refers to outlives it.
struct Session {
  kube::Api& api;
  const Clock& clock;
  cli::Terminal& terminal;
  std::function<void(std::chrono::milliseconds)> sleep;
  std::string ns;  // where to look and to create; "" only for lists: all namespaces
};

}  // namespace pannier::cluster

// The keys of the daemon's configuration file. Threads: one.
#pragma once

#include "daemon/config/config.h"
#include "lib/config/schema.h"

namespace pannier::daemon {

// The table that fills `config`, which outlives it.
config::Schema KeysOf(Config& config);

}  // namespace pannier::daemon

// Times as Leases and Events want them: always six digits of a fraction, no more and no fewer.
// Threads: pure.
#pragma once

#include <string>

#include "lib/core/clock.h"

namespace pannier::kube {

// "2025-01-31T12:00:00.000000Z"
std::string MicroTime(WallTime time);

}  // namespace pannier::kube

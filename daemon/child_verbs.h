// What this program does when it runs as its own child (daemon/process/child.h).
// Threads: the main one.
#pragma once

#include <span>

#include "daemon/process/child.h"

namespace pannier::daemon {

// rescue   {"directory", "target"}                   brings a Chroma directory over
std::span<const ChildVerb> ChildVerbs();

}  // namespace pannier::daemon

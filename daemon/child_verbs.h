// What this program does when it runs as its own child (daemon/process/child.h).
// Threads: the main one.
#pragma once

#include <span>

#include "daemon/process/child.h"

namespace pannier::daemon {

// rescue   {"directory", "target"}            brings a Chroma directory, or an export, over
// salvage  {"damaged", "snapshot", "fresh"}   copies what is readable of a store
// check    {"folder", "level"}                a store's file, "Quick" or "Full"
std::span<const ChildVerb> ChildVerbs();

}  // namespace pannier::daemon

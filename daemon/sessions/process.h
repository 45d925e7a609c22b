// Whether a process that connected is still the one that did. Threads: any.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>

namespace pannier::sessions {

// When the process of that number was born, in ticks since the machine started: two of the same
// number differ in it. Nothing: there is none, it has ended and nobody has asked how, or it cannot
// be seen from here (of a container with processes of its own the number is 0).
std::optional<uint64_t> BirthOf(pid_t pid);

using BirthLookup = std::function<std::optional<uint64_t>(pid_t)>;

}  // namespace pannier::sessions

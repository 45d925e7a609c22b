// The same work on many items at once, by threads that end with the call.
// Threads: any; the work is called by several at once, and by none after the call.
#pragma once

#include <cstdint>
#include <functional>

#include "lib/core/result.h"

namespace pannier {

// kBackground: nice; long work lets requests pass besides (background_turn.h). kWaitedFor: as
// urgent as the caller, which works too.
enum class Urgency { kBackground, kWaitedFor };

struct Crew {
  const char* name;  // of its threads, with a number behind; at most 11 characters
  uint32_t threads;  // at most so many
  Urgency urgency = Urgency::kBackground;
};

// As many threads as work that only computes can use: the machine's cores, at most 4; one less
// while requests come in (background_turn.h).
uint32_t ThreadsForComputing();

// Runs `work` for every item below `count`, in about their order, and returns when all is done. The
// first error ends it: what was begun ends, the rest is not begun.
Status ForEach(uint64_t count, const Crew& crew, const std::function<Status(uint64_t item)>& work);

}  // namespace pannier

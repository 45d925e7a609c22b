// The same work on many items at once, by threads that end with the call.
// Threads: any; the work is called by several at once, and by none after the call.
#pragma once

#include <cstdint>
#include <functional>

#include "lib/core/result.h"

namespace pannier {

struct Crew {
  const char* name;  // of its threads, with a number behind; at most 11 characters
  uint32_t threads;  // at most so many
};

// As many threads as work that only computes can use: the machine's cores, at most 4.
uint32_t ThreadsForComputing();

// Runs `work` for every item below `count`, in about their order. The crew is nice (10), so that
// long work does not hold up those who are waited for; the caller waits, or does the work itself
// where one thread is enough. The first error ends it: what was begun ends, the rest is not begun.
Status ForEach(uint64_t count, const Crew& crew, const std::function<Status(uint64_t item)>& work);

}  // namespace pannier

// Processor time, which other programs on the machine disturb least.
#pragma once

#include <time.h>

namespace pannier::test {

// Of the calling thread, in seconds.
inline double ThreadCpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace pannier::test

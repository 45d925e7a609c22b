// Sends prepared requests and takes the time of each: as fast as answers come (closed loop), or at
// a fixed rate whatever the server does (open loop). In the open loop a request's time runs from
// the moment it was due, so a server that stalls pays for all that it kept waiting ("coordinated
// omission" does not happen).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace pannier::bench {

struct Load {
  std::string address;
  std::vector<std::string> requests;  // sent in order, from the front again when `repeats`
  bool repeats = false;
  int connections = 1;
  double rate = 0;  // per second, of all connections together; 0: closed loop
  std::chrono::milliseconds length{3'000};
};

struct Timing {
  std::vector<int64_t> nanoseconds;  // of each request, sorted
  double seconds = 0;                // from the first to the last
  uint64_t refused = 0;              // answers other than 2xx
  double PercentileUs(double percent) const;
};

Timing Run(const Load& load);

// What /proc says of a process and its children.
struct Usage {
  double cpu_seconds = 0;
  uint64_t rss_kib = 0;
  uint64_t threads = 0;
  uint64_t descriptors = 0;
};
Usage UsageOf(int pid);

}  // namespace pannier::bench

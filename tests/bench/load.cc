#include "tests/bench/load.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/bench/connection.h"

namespace pannier::bench {

namespace {

using SteadyClock = std::chrono::steady_clock;

// What the threads of one run share.
struct Course {
  const Load& load;
  SteadyClock::time_point begin, end;
  std::atomic<uint64_t> next{0};

  // The next request and when it is due; false when the run is over.
  bool Take(std::string_view* request, SteadyClock::time_point* due) {
    const uint64_t number = next.fetch_add(1);
    if (number >= load.requests.size() && !load.repeats) return false;
    *request = load.requests[number % load.requests.size()];
    *due = SteadyClock::now();
    if (load.rate > 0) {
      *due = begin + std::chrono::nanoseconds(
                         static_cast<int64_t>(static_cast<double>(number) * 1e9 / load.rate));
      std::this_thread::sleep_until(*due);
    }
    return *due < end;
  }
};

struct Share {
  std::vector<int64_t> nanoseconds;
  uint64_t refused = 0;
  SteadyClock::time_point last;
};

void Work(Course* course, Connection* connection, Share* share) {
  std::string_view request;
  SteadyClock::time_point due;
  while (course->Take(&request, &due)) {
    const int status = connection->Exchange(request);
    share->last = SteadyClock::now();
    share->nanoseconds.push_back((share->last - due).count());
    if (status < 200 || status > 299) ++share->refused;
  }
}

void AddProcess(int pid, Usage* usage) {
  const std::string folder = "/proc/" + std::to_string(pid);
  std::ifstream stat(folder + "/stat");
  std::string text;
  if (!std::getline(stat, text)) return;
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string field;
  double ticks = 0;
  for (int number = 3; fields >> field; ++number) {
    if (number == 14 || number == 15) ticks += std::stod(field);
    if (number == 20) usage->threads += std::stoull(field);
  }
  usage->cpu_seconds += ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
  std::ifstream status(folder + "/status");
  while (std::getline(status, text)) {
    if (text.starts_with("VmRSS:")) usage->rss_kib += std::stoull(text.substr(6));
  }
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder + "/fd", ignored)) {
    static_cast<void>(entry);
    ++usage->descriptors;
  }
  for (const auto& task : std::filesystem::directory_iterator(folder + "/task", ignored)) {
    std::ifstream children(task.path() / "children");
    for (int child = 0; children >> child;) AddProcess(child, usage);
  }
}

}  // namespace

double Timing::PercentileUs(double percent) const {
  if (nanoseconds.empty()) return 0;
  const auto last = static_cast<double>(nanoseconds.size() - 1);
  return static_cast<double>(nanoseconds[static_cast<size_t>(last * percent / 100)]) / 1e3;
}

Timing Run(const Load& load) {
  std::vector<Connection> connections;
  for (int i = 0; i < load.connections; ++i) connections.emplace_back(load.address);
  std::vector<Share> shares(connections.size());
  const auto begin = SteadyClock::now();
  Course course{load, begin, begin + load.length};
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < connections.size(); ++i) {
      threads.emplace_back(Work, &course, &connections[i], &shares[i]);
    }
  }
  Timing timing;
  auto last = begin;
  for (const Share& share : shares) {
    timing.nanoseconds.insert(timing.nanoseconds.end(), share.nanoseconds.begin(),
                              share.nanoseconds.end());
    timing.refused += share.refused;
    last = std::max(last, share.last);
  }
  std::sort(timing.nanoseconds.begin(), timing.nanoseconds.end());
  timing.seconds = std::chrono::duration<double>(last - begin).count();
  return timing;
}

Usage UsageOf(int pid) {
  Usage usage;
  if (pid > 0) AddProcess(pid, &usage);
  return usage;
}

}  // namespace pannier::bench

#include "daemon/service/machine.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pannier::service {
namespace {

namespace fs = std::filesystem;

// Where groups of version 2 are listed among those of /proc/self/cgroup: "0::/path".
constexpr std::string_view kVersion2 = "0::/";

uint64_t PageBytes() { return static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)); }

// The number that such a file begins with; nothing for "max", or where there is none.
std::optional<uint64_t> NumberIn(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  if (error != std::errc() || end == line.data()) return std::nullopt;
  return number;
}

std::vector<fs::path> LimitFiles(const MemoryPlaces& places) {
  std::vector<fs::path> files = {places.groups / "memory.max",
                                 places.groups / "memory" / "memory.limit_in_bytes"};
  std::ifstream groups(places.own_groups);
  std::string line;
  while (std::getline(groups, line)) {
    if (!line.starts_with(kVersion2)) continue;
    files.push_back(places.groups / line.substr(kVersion2.size()) / "memory.max");
  }
  return files;
}

}  // namespace

uint64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  uint64_t total = 0, resident = 0;
  return file >> total >> resident ? resident * PageBytes() : 0;
}

uint64_t MachineMemoryBytes() {
  return static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * PageBytes();
}

uint64_t MemoryLimitBytes(uint64_t machine_bytes, const MemoryPlaces& places) {
  uint64_t limit = machine_bytes;
  for (const fs::path& file : LimitFiles(places)) {
    // Version 1 says "none" by a number that no machine has; 0 is no limit that one could live in.
    const std::optional<uint64_t> found = NumberIn(file);
    if (found && *found != 0) limit = std::min(limit, *found);
  }
  return limit;
}

}  // namespace pannier::service

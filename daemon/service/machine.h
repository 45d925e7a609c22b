// What the machine, or the container, leaves this process: memory and disk. For metrics, so what
// cannot be found out is left out or taken for the machine's, and no call fails. Threads: any.
#pragma once

#include <cstdint>
#include <filesystem>

namespace pannier::service {

// Resident memory of this process; 0 when the kernel does not tell.
uint64_t ResidentBytes();

struct MemoryPlaces {
  std::filesystem::path own_groups = "/proc/self/cgroup";
  std::filesystem::path groups = "/sys/fs/cgroup";
};

// Where the kernel would kill this process: the smallest limit of its control group, version 2 or
// 1, as its container sees it; without one, the memory of the machine.
uint64_t MemoryLimitBytes(uint64_t machine_bytes, const MemoryPlaces& places = {});
uint64_t MachineMemoryBytes();

}  // namespace pannier::service

// Brings memory nearer to the CPU before it is asked for.
#pragma once

namespace pannier::index {

// The cache line of an address; any address will do. Not __builtin_prefetch: g++ 12 takes a
// function that does nothing else for one without effect, and drops the calls of it.
inline void PrefetchLine(const void* address) {
  const auto& line = *static_cast<const char*>(address);
#if defined(__x86_64__)
  asm volatile("prefetcht0 %0" : : "m"(line));
#elif defined(__aarch64__)
  asm volatile("prfm pldl1keep, %0" : : "Q"(line));
#else
  __builtin_prefetch(&line);
#endif
}

}  // namespace pannier::index

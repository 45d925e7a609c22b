// Goal: memory that is given back is gone from the resident set, and nothing that is used changes.
#include "lib/core/memory.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace pannier {
namespace {

// Sanitizers bring an allocator of their own, which keeps what is freed.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr long kGivenBackKib = -100'000;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr long kGivenBackKib = -100'000;
#else
constexpr long kGivenBackKib = 20'000;
#endif
#else
constexpr long kGivenBackKib = 20'000;
#endif

long ResidentKib() {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("VmRSS:")) return std::stol(line.substr(6));
  }
  return 0;
}

}  // namespace

TEST_CASE("memory that is free goes back to the system, and what is kept stays as it was") {
  constexpr size_t kBlock = 1'000, kBlocks = 40'000;
  std::vector<std::unique_ptr<char[]>> blocks;
  for (size_t i = 0; i < kBlocks; ++i) {
    blocks.push_back(std::make_unique<char[]>(kBlock));
    std::memset(blocks.back().get(), static_cast<int>(i % 251), kBlock);
  }
  const long full = ResidentKib();
  // The last stays, so that the heap's end does not shrink by itself.
  for (size_t i = 0; i + 1 < kBlocks; ++i) blocks[i].reset();
  LetGoOfIdleMemory();
  const long after = ResidentKib();
  CHECK(full - after >= kGivenBackKib);
  CHECK(blocks.back()[kBlock - 1] == static_cast<char>((kBlocks - 1) % 251));
}

TEST_CASE("a program goes on as before, however often it lets go of its pages") {
  for (int i = 0; i < 3; ++i) {
    LetGoOfIdleMemory();
    CHECK(std::to_string(i) + "x" == std::string(1, static_cast<char>('0' + i)) + "x");
    CHECK_THROWS_AS(std::vector<int>().at(0), std::out_of_range);  // unwinds: much constant data
  }
}

}  // namespace pannier

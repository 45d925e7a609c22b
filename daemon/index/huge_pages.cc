#include "daemon/index/huge_pages.h"

#include <sys/mman.h>

#include <cstdint>

namespace pannier::index {
namespace {

constexpr size_t kPage = 64 << 10;  // or a part of it
constexpr size_t kHugePage = 2 << 20;
constexpr size_t kWorthBytes = 16 << 20;  // a page more than needed is then 12 % at most

}  // namespace

void WantHugePages(void* memory, size_t bytes) {
  if (bytes < kWorthBytes) return;
  const auto begin = reinterpret_cast<uintptr_t>(memory);
  const uintptr_t first = (begin + kHugePage - 1) / kHugePage * kHugePage;
  const uintptr_t last = (begin + bytes) / kHugePage * kHugePage;
  madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
}

void WantSmallPages(void* memory, size_t bytes) {
  const auto begin = reinterpret_cast<uintptr_t>(memory);
  const uintptr_t first = (begin + kPage - 1) / kPage * kPage;
  const uintptr_t last = (begin + bytes) / kPage * kPage;
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_NOHUGEPAGE);
}

}  // namespace pannier::index

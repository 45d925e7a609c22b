#include "daemon/index/huge_pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace pannier::index {
namespace {

constexpr size_t kLargestPage = 64 << 10;  // of any machine, but for huge ones
constexpr size_t kHugePage = 2 << 20;
constexpr size_t kWorthBytes = 4 << 20;  // a page more than needed is then half at most

// About the whole pages within. Returns how many bytes of them the kernel took it for.
size_t Advise(void* memory, size_t bytes, size_t page, int advice) {
  const auto begin = reinterpret_cast<uintptr_t>(memory);
  const uintptr_t first = (begin + page - 1) / page * page;
  const uintptr_t last = (begin + bytes) / page * page;
  if (first >= last) return 0;
  return madvise(reinterpret_cast<void*>(first), last - first, advice) == 0 ? last - first : 0;
}

}  // namespace

void WantHugePages(void* memory, size_t bytes) {
  if (bytes >= kWorthBytes) Advise(memory, bytes, kHugePage, MADV_HUGEPAGE);
}

void WantSmallPages(void* memory, size_t bytes) {
  Advise(memory, bytes, kLargestPage, MADV_NOHUGEPAGE);
}

size_t GiveBackPages(void* memory, size_t bytes) {
  static const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return Advise(memory, bytes, page, MADV_DONTNEED);
}

}  // namespace pannier::index

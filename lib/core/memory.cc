#include "lib/core/memory.h"

#include <malloc.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

namespace pannier {
namespace {

// A mapping of a file that cannot be written: program text and constants.
struct Mapping {
  uintptr_t begin = 0, end = 0;
};

// Of a line like "7f1c02a00000-7f1c02b00000 r-xp 00001000 fe:01 1234 /usr/lib/…"; else empty.
Mapping Parse(const std::string& line) {
  unsigned long begin = 0, end = 0, inode = 0;
  char rights[5] = {};
  // NOLINTNEXTLINE(cert-err34-c): the kernel's own format; a line that is not of it is no mapping
  if (std::sscanf(line.c_str(), "%lx-%lx %4s %*x %*s %lu", &begin, &end, rights, &inode) != 4) {
    return {};
  }
  const std::string_view has(rights);
  const bool is_constant = has[0] == 'r' && has[1] == '-' && has[3] == 'p' && inode != 0;
  return is_constant ? Mapping{begin, end} : Mapping{};
}

}  // namespace

void LetGoOfIdleMemory() {
  malloc_trim(0);
  std::ifstream in("/proc/self/smaps");
  Mapping mapping;
  for (std::string line; std::getline(in, line);) {
    if (line.find('-') < line.find(' ')) {
      mapping = Parse(line);
    } else if (line.starts_with("Anonymous:")) {
      // What the loader changed before it took the right to write away exists nowhere else.
      const bool is_as_in_file = line.find(" 0 kB") != std::string::npos;
      if (mapping.end > mapping.begin && is_as_in_file) {
        madvise(reinterpret_cast<void*>(mapping.begin), mapping.end - mapping.begin, MADV_DONTNEED);
      }
      mapping = {};
    }
  }
}

}  // namespace pannier

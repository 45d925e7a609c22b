// Large arrays that are read at random: fewer and larger pages, so that fewer of their addresses
// must be looked up. Threads: any.
#pragma once

#include <cstddef>

namespace pannier::index {

// Asks the kernel for huge pages under [memory, memory + bytes) when that is large enough to be
// worth the rounding. A wish: nothing depends on it being granted.
void WantHugePages(void* memory, size_t bytes);
// The opposite: parts will be given back, and a huge page goes only as a whole. A wish, too.
void WantSmallPages(void* memory, size_t bytes);

}  // namespace pannier::index

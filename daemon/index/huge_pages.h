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
// Gives the whole pages within back to the system: they read as zeros from then on. Returns how
// many bytes that is.
size_t GiveBackPages(void* memory, size_t bytes);

}  // namespace pannier::index

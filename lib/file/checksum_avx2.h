// XXH3 for processors with AVX2, which most have and no build may take for granted: twice as fast
// for pages. Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pannier::file::internal {

// The same value as Checksum(). Only where the processor has AVX2.
uint64_t ChecksumAvx2(const void* bytes, size_t count);

}  // namespace pannier::file::internal

// Compiled for AVX2. Includes nothing with inline functions that other files share: the linker
// could take this file's for all.
#include "lib/file/checksum_avx2.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace pannier::file::internal {

uint64_t ChecksumAvx2(const void* bytes, size_t count) { return XXH3_64bits(bytes, count); }

}  // namespace pannier::file::internal

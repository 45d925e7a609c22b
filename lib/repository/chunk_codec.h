// What a chunk's object holds: one byte (0 raw, 1 zstd), then the bytes. zstd at level 1, and only
// where it saves 3 %: the CPU time of unpacking is paid at every verification.
// Threads: any. zstd's working memory (about 1 MiB each) is kept for the next call, of at most four
// at once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "lib/core/result.h"

namespace pannier::repository {

class ChunkCodec {
 public:
  ChunkCodec();
  ~ChunkCodec();

  std::string Encode(std::string_view bytes);
  // Gives back `bytes` bytes, never more.
  //   kCorruption  it is not such an object, or not of that length
  Result<std::string> Decode(std::string_view object, uint32_t bytes);

 private:
  class Pools;
  const std::unique_ptr<Pools> pools_;
};

}  // namespace pannier::repository

// A saved index whose checksums are right may still say anything: it is refused, or loaded into
// something whole. Memory that it asks for is in proportion to its bytes.
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "daemon/index/byte_stream.h"
#include "daemon/index/vector_index.h"
#include "lib/core/check.h"

namespace {

using namespace pannier;  // NOLINT: a fuzzer has one purpose

class Bytes final : public index::ByteSource {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(data), left_(size) {}

  Status Read(std::span<char> into) override {
    if (into.size() > left_) return Corruption("it ends too early");
    std::memcpy(into.data(), data_, into.size());
    data_ += into.size();
    left_ -= into.size();
    return {};
  }

 private:
  const uint8_t* data_;
  size_t left_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  index::VectorIndex::Options options;
  options.dimension = 2;
  Bytes source(data, size);
  const auto loaded = index::VectorIndex::Load(options, 7, source);
  if (!loaded.ok()) {
    CHECK(loaded.Is(Errc::kCorruption));
    return 0;
  }
  CHECK((*loaded)->tail_size() <= size);
  (void)(*loaded)->memory_bytes();
  return 0;
}

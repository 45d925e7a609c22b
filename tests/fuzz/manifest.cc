// A manifest may be anything: it is read or refused, and what was read is written and read again as
// the same.
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/contract/manifest.h"
#include "lib/core/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pannier;  // NOLINT: a fuzzer has one function
  // The first line is the key, so that the fuzzer can make the two agree.
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string_view key = input.substr(0, input.find('\n'));
  const std::string_view text = input.substr(key.size() < size ? key.size() + 1 : size);
  const Result<contract::Manifest> manifest = contract::ParseManifest(text, key);
  if (!manifest.ok()) {
    CHECK(manifest.Is(Errc::kCorruption) || manifest.Is(Errc::kInvalidArgument));
    return 0;
  }
  CHECK(manifest->stored_bytes() <= manifest->bytes() + size);
  const auto again = contract::ParseManifest(contract::WriteManifest(*manifest), key);
  CHECK(again.ok() && *again == *manifest);
  return 0;
}

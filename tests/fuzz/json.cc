// The strict reader against nlohmann's: what we accept, it accepts, and both see the same tree (but
// for integers beyond 64 bits, which are doubles for us).
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "lib/core/check.h"
#include "lib/json/cold.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pannier;  // NOLINT: a fuzzer has one function
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Result<nlohmann::json> ours = json::ParseCold(text);
  if (!ours.ok()) return 0;
  const auto theirs = nlohmann::json::parse(text, nullptr, false);
  CHECK(!theirs.is_discarded());
  // Written and read again it is the same.
  const std::string written = json::Dump(*ours);
  const Result<nlohmann::json> again = json::ParseCold(written);
  CHECK(again.ok());
  CHECK(json::Dump(*again) == written);
  return 0;
}

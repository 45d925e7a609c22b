// A configuration file may be anything: it is read or refused, and what was read can be written and
// read again.
#include <cstdint>
#include <string_view>

#include "daemon/config/keys.h"
#include "lib/config/value.h"
#include "lib/core/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pannier;  // NOLINT: a fuzzer has one function
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Result<config::Value> value = config::ParseYaml(text, "fuzz.yaml");
  if (!value.ok()) {
    CHECK(value.Is(Errc::kInvalidArgument));
    return 0;
  }
  daemon::Config config;
  const Status read = daemon::KeysOf(config).Read(*value, "fuzz.yaml");
  CHECK(read.ok() || read.error().what.starts_with("fuzz.yaml:"));
  (void)config::WriteYaml(*value);
  return 0;
}

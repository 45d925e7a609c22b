// An S3 server may answer anything: it is read or refused, and the text that was read can be
// escaped and read again.
#include <cstdint>
#include <string_view>

#include "lib/core/check.h"
#include "lib/repository/xml.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pannier;  // NOLINT: a fuzzer has one function
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Result<repository::XmlElement> root = repository::ParseXml(text);
  if (!root.ok()) {
    CHECK(root.Is(Errc::kCorruption));
    return 0;
  }
  CHECK(!root->name.empty());
  const auto again = repository::ParseXml("<a>" + repository::EscapeXml(root->text) + "</a>");
  CHECK(again.ok() && again->text == root->text);
  return 0;
}

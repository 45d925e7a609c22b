// Bodies of record routes: whatever the JSON says, each parser reads it or refuses it with a status
// that a client's mistake gets, and what it accepts keeps the promises that the store relies on.
#include <cmath>
#include <cstdint>
#include <string_view>

#include "daemon/api/parse_reads.h"
#include "daemon/api/parse_records.h"
#include "lib/core/check.h"

namespace {

using namespace pannier;  // NOLINT: a fuzzer has one purpose

void CheckBatch(const Result<model::RecordBatch>& batch) {
  if (!batch.ok()) {
    CHECK(!batch.Is(Errc::kInternal));
    return;
  }
  size_t vectors = 0;
  for (const bool has : batch->has_vector) vectors += has ? 1 : 0;
  CHECK(batch->vectors.size() == vectors * batch->dimension);
  for (const float number : batch->vectors) CHECK(std::isfinite(number));
  for (const std::string& id : batch->ids) CHECK(!id.empty());
  CHECK(batch->documents.empty() || batch->documents.size() == batch->ids.size());
  CHECK(batch->uris.empty() || batch->uris.size() == batch->ids.size());
  CHECK(batch->metadatas.empty() || batch->metadatas.size() == batch->ids.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  json::Document document;
  const Result<json::Value> body = document.ParseCopy(text);
  if (!body.ok()) return 0;
  const api::ApiLimits limits;
  for (const auto kind :
       {model::WriteKind::kAdd, model::WriteKind::kUpdate, model::WriteKind::kUpsert})
    CheckBatch(api::ParseRecords(*body, kind, limits));
  const auto query = api::ParseQuery(*body, limits);
  if (query.ok()) {
    const model::QueryRequest& request = query->request;
    CHECK(request.vectors.size() == size_t{request.count} * request.dimension);
  }
  (void)api::ParseGet(*body, limits).ok();
  (void)api::ParseDelete(*body, limits).ok();
  return 0;
}

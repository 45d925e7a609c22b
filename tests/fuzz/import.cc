// The files of a Chroma directory that no library reads for us: the pickled map of ids, and the
// HNSW segment's header, elements and lengths. Whatever they hold, what can be read is read within
// bounds, and the rest is said.
//
// The first byte chooses: the map, or a segment; of that the next two say how long its header and
// its lengths are.
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/rescue/hnsw_folder.h"
#include "daemon/rescue/id_map.h"
#include "lib/core/check.h"
#include "lib/file/file_system.h"
#include "tests/support/temp_dir.h"

namespace {

using namespace pannier;  // NOLINT: a fuzzer has one purpose

constexpr uint64_t kElementsMax = 1'000;

void ReadSegment(const file::Path& folder, bool cosine, std::optional<uint32_t> dimension) {
  rescue::HnswFolder::Expected expected;
  expected.cosine = cosine;
  expected.dimension = dimension;
  auto segment = rescue::HnswFolder::Open(file::RealFileSystem(), folder, expected);
  if (!segment.ok()) {
    CHECK(!segment.Is(Errc::kInternal));
    return;
  }
  uint64_t seen = 0;
  const Status scanned = segment->Scan([&](const rescue::HnswFolder::Element& element) {
    CHECK(element.number < segment->elements());
    if (++seen > kElementsMax) return;
    std::vector<float> vector;
    if (segment->Vector(element.number, &vector).ok()) CHECK(vector.size() == segment->dimension());
  });
  (void)scanned.ok();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 3) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data) + 3, size - 3);
  if (data[0] % 2 == 0) {
    const rescue::IdMap map = rescue::ReadIdMap(rest);
    CHECK(map.ids.size() <= rest.size());
    return 0;
  }
  static const test::TempDir folder;
  const auto write = [&](const char* name, size_t bytes) {
    const std::string_view content = rest.substr(0, bytes);
    std::ofstream(folder / name, std::ios::binary | std::ios::trunc) << content;
    rest.remove_prefix(content.size());
  };
  write("header.bin", data[1]);
  write("length.bin", data[2]);
  write("data_level0.bin", rest.size());
  const bool knows = data[0] % 4 == 1;
  ReadSegment(folder.path(), data[0] >= 128, knows ? std::optional<uint32_t>(3) : std::nullopt);
  return 0;
}

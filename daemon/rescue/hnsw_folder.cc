#include "daemon/rescue/hnsw_folder.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string_view>

#include "daemon/rescue/little_endian.h"

namespace pannier::rescue {
namespace {

constexpr uint64_t kHeaderBytes = 100;
constexpr uint64_t kLabelBytes = 8;
constexpr uint64_t kBlockBytes = 1 << 20;
constexpr uint32_t kDimensionMax = 1 << 20;
constexpr uint64_t kNeighborsMax = 1 << 12;
constexpr unsigned char kDeletedMark = 1;
constexpr float kUnitTolerance = 1e-2F;  // of a stored cosine vector's length, squared

// A count, and links to twice as many neighbours as on the upper levels.
uint64_t LinkBytes(uint64_t neighbors) { return 4 + 2 * neighbors * 4; }

}  // namespace

Result<HnswFolder> HnswFolder::Open(file::FileSystem& files, const file::Path& folder,
                                    const Expected& expected) {
  HnswFolder opened;
  opened.cosine_ = expected.cosine;
  opened.data_ = TRY(files.Open(folder / "data_level0.bin", file::OpenMode::kRead));
  opened.Choose(files, folder, expected);
  if (opened.layout_.bytes_per_element == 0)
    return Corruption("header.bin is unusable, and the collection has no dimension either");
  const uint64_t bytes = TRY(opened.data_->Size());
  opened.elements_ = bytes / opened.layout_.bytes_per_element;
  if (opened.layout_.count) {
    if (*opened.layout_.count > opened.elements_) {
      opened.problems_.push_back("data_level0.bin ends after " + std::to_string(opened.elements_) +
                                 " of " + std::to_string(*opened.layout_.count) + " vectors");
    }
    opened.elements_ = std::min(opened.elements_, *opened.layout_.count);
  }
  if (opened.cosine_) opened.OpenLengths(files, folder);
  return opened;
}

void HnswFolder::Choose(file::FileSystem& files, const file::Path& folder,
                        const Expected& expected) {
  const Result<std::string> header = file::ReadFile(files, folder / "header.bin", kBlockBytes);
  std::optional<Layout> layout;
  if (header.ok()) layout = ReadHeader(*header, expected);
  if (!layout) {
    problems_.push_back(header.ok() ? "header.bin does not fit the collection"
                                    : "header.bin: " + header.error().what);
    if (!expected.dimension) return;
    layout = Layout();
    layout->vector_at = LinkBytes(expected.max_neighbors);
    layout->label_at = layout->vector_at + *expected.dimension * sizeof(float);
    layout->bytes_per_element = layout->label_at + kLabelBytes;
  }
  layout_ = *layout;
  dimension_ = static_cast<uint32_t>((layout_.label_at - layout_.vector_at) / sizeof(float));
}

std::optional<HnswFolder::Layout> HnswFolder::ReadHeader(const std::string& bytes,
                                                         const Expected& expected) const {
  if (bytes.size() < kHeaderBytes) return std::nullopt;
  const auto number = [&](size_t at) {
    return ReadLittle<uint64_t>(std::string_view(bytes).substr(at));
  };
  // version (4 bytes), where level 0 begins, room, count, bytes per element, label, vector, …
  Layout layout;
  layout.count = number(20);
  layout.bytes_per_element = number(28);
  layout.label_at = number(36);
  layout.vector_at = number(44);
  if (layout.vector_at < LinkBytes(0) || layout.vector_at > LinkBytes(kNeighborsMax) ||
      layout.label_at <= layout.vector_at ||
      layout.label_at > layout.vector_at + kDimensionMax * sizeof(float) ||
      layout.bytes_per_element != layout.label_at + kLabelBytes) {
    return std::nullopt;
  }
  const uint64_t vector_bytes = layout.label_at - layout.vector_at;
  if (vector_bytes % sizeof(float) != 0) return std::nullopt;
  if (expected.dimension && vector_bytes != *expected.dimension * sizeof(float))
    return std::nullopt;
  return layout;
}

void HnswFolder::OpenLengths(file::FileSystem& files, const file::Path& folder) {
  Result<std::unique_ptr<file::File>> opened =
      files.Open(folder / "length.bin", file::OpenMode::kRead);
  const Result<uint64_t> bytes = opened.ok() ? (*opened)->Size() : opened.error();
  if (!bytes.ok()) {
    problems_.push_back("length.bin: " + bytes.error().what);
    return;
  }
  length_file_ = std::move(opened).value();
  lengths_ = *bytes / sizeof(float);
  if (lengths_ < elements_) {
    problems_.push_back("length.bin ends after " + std::to_string(lengths_) + " of " +
                        std::to_string(elements_) + " vectors");
  }
}

Status HnswFolder::Scan(const std::function<void(const Element&)>& visit) const {
  const uint64_t per_element = layout_.bytes_per_element;
  const uint64_t per_block = std::max<uint64_t>(1, kBlockBytes / per_element);
  std::string block(per_block * per_element, '\0');
  for (uint64_t first = 0; first < elements_; first += per_block) {
    const uint64_t count = std::min(per_block, elements_ - first);
    const size_t got =
        TRY(data_->ReadAt(first * per_element, std::span(block).first(count * per_element)));
    for (uint64_t i = 0; i < got / per_element; ++i) {
      const std::string_view bytes = std::string_view(block).substr(i * per_element, per_element);
      const bool deleted = (static_cast<unsigned char>(bytes[2]) & kDeletedMark) != 0;
      visit({first + i, ReadLittle<uint64_t>(bytes.substr(layout_.label_at)), deleted});
    }
  }
  return {};
}

Result<float> HnswFolder::Length(uint64_t number) const {
  if (length_file_ == nullptr || number >= lengths_) return Corruption("its length is gone");
  float length = 0;
  char bytes[sizeof length];
  const size_t got = TRY(length_file_->ReadAt(number * sizeof length, std::span<char>(bytes)));
  if (got != sizeof length) return Corruption("its length is gone");
  std::memcpy(&length, bytes, sizeof length);
  if (!std::isfinite(length) || length < 0) return Corruption("its length is no length");
  return length;
}

Status HnswFolder::Vector(uint64_t number, std::vector<float>* into) const {
  into->resize(dimension_);
  const std::span<char> bytes(reinterpret_cast<char*>(into->data()), dimension_ * sizeof(float));
  const size_t got =
      TRY(data_->ReadAt(number * layout_.bytes_per_element + layout_.vector_at, bytes));
  if (got != bytes.size()) return Corruption("the file ends before it");
  const auto finite = [](float x) { return std::isfinite(x); };
  if (!std::all_of(into->begin(), into->end(), finite)) return Corruption("it is not of numbers");
  if (!cosine_) return {};
  float squares = 0;
  for (const float x : *into) squares += x * x;
  if (squares != 0 && std::abs(squares - 1) > kUnitTolerance)
    return Corruption("it is not of length one, as this index keeps its vectors");
  const float length = TRY(Length(number));
  for (float& x : *into) x *= length;
  if (!std::all_of(into->begin(), into->end(), finite)) return Corruption("it is not of numbers");
  return {};
}

}  // namespace pannier::rescue

#include "daemon/store/page_checksum.h"

#include <array>
#include <cstring>
#include <vector>

#include "lib/file/checksum.h"

namespace pannier::store {
namespace {

constexpr size_t kShapeAt = 16, kReservedAt = 20;

uint64_t Bind(uint32_t number, uint64_t content) {
  const std::array<uint64_t, 2> words = {number, content};
  return file::Checksum(std::as_bytes(std::span(words)));
}

uint64_t ContentOf(std::span<const std::byte> page) {
  return file::Checksum(page.first(page.size() - kPageChecksumBytes));
}

uint64_t ChecksumOf(uint32_t number, std::span<const std::byte> page) {
  return Bind(number, ContentOf(page));
}

}  // namespace

PageShape ShapeOf(std::span<const std::byte> header) {
  PageShape shape;
  const auto byte = [&](size_t at) { return std::to_integer<uint32_t>(header[at]); };
  const uint32_t stored = byte(kShapeAt) << 8 | byte(kShapeAt + 1);
  const uint32_t bytes = stored == 1 ? 65'536 : stored;
  if (bytes >= 512 && (bytes & (bytes - 1)) == 0) shape.bytes = bytes;
  shape.reserved = byte(kReservedAt);
  return shape;
}

void SealPage(uint32_t number, std::span<std::byte> page) {
  const uint64_t checksum = ChecksumOf(number, page);
  std::memcpy(page.data() + page.size() - kPageChecksumBytes, &checksum, kPageChecksumBytes);
}

bool IsSealed(uint32_t number, std::span<const std::byte> page) {
  const uint64_t checksum = ChecksumOf(number, page);
  return std::memcmp(page.data() + page.size() - kPageChecksumBytes, &checksum,
                     kPageChecksumBytes) == 0;
}

uint32_t SealedFor(std::span<const std::byte> page, uint32_t pages) {
  const uint64_t content = ContentOf(page);
  uint64_t stored = 0;
  std::memcpy(&stored, page.data() + page.size() - kPageChecksumBytes, kPageChecksumBytes);
  for (uint32_t number = 1; number <= pages; ++number) {
    if (Bind(number, content) == stored) return number;
  }
  return 0;
}

bool IsSealedButForShape(std::span<const std::byte> first_page) {
  std::vector<std::byte> copy(first_page.begin(), first_page.end());
  copy[kReservedAt] = static_cast<std::byte>(kPageChecksumBytes);
  return IsSealed(1, copy);
}

}  // namespace pannier::store

#include "daemon/store/wal_format.h"

#include <algorithm>
#include <array>
#include <bit>

namespace pannier::store {
namespace {

constexpr uint32_t kMagic = 0x377f0682;  // its lowest bit: sums are over big-endian words
constexpr uint32_t kVersion = 3'007'000;
constexpr size_t kTimesBegunAt = 12;
constexpr size_t kSummedHeaderBytes = 24, kSummedFrameHeaderBytes = 8;

uint32_t BigEndian(std::span<const char> bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

uint64_t Salts(std::span<const char> bytes, size_t at) {
  return static_cast<uint64_t>(BigEndian(bytes, at)) << 32 | BigEndian(bytes, at + 4);
}

uint32_t LittleEndian(const char* bytes) {
  return static_cast<uint32_t>(static_cast<uint8_t>(bytes[0])) |
         static_cast<uint32_t>(static_cast<uint8_t>(bytes[1])) << 8 |
         static_cast<uint32_t>(static_cast<uint8_t>(bytes[2])) << 16 |
         static_cast<uint32_t>(static_cast<uint8_t>(bytes[3])) << 24;
}

// `bytes`: a multiple of 8.
LogSum Extend(LogSum sum, std::span<const char> bytes, bool big_endian) {
  for (size_t i = 0; i + 8 <= bytes.size(); i += 8) {
    uint32_t a = LittleEndian(bytes.data() + i), b = LittleEndian(bytes.data() + i + 4);
    if (big_endian) a = __builtin_bswap32(a), b = __builtin_bswap32(b);
    sum.first += a + sum.second;
    sum.second += b + sum.first;
  }
  return sum;
}

}  // namespace

LogHeader ParseLogHeader(std::span<const char> bytes) {
  LogHeader header;
  const uint32_t magic = BigEndian(bytes, 0);
  header.big_endian_sums = (magic & 1) != 0;
  header.page_bytes = BigEndian(bytes, 8);
  header.salts = Salts(bytes, 16);
  header.sum = {BigEndian(bytes, 24), BigEndian(bytes, 28)};
  const bool sized = header.page_bytes >= 512 && header.page_bytes <= 65'536 &&
                     std::has_single_bit(header.page_bytes);
  const bool shaped = (magic & ~1u) == kMagic && BigEndian(bytes, 4) == kVersion && sized;
  if (!shaped) return header;
  const auto is_summed = [&](std::span<const char> summed) {
    return Extend({}, summed.first(kSummedHeaderBytes), header.big_endian_sums) == header.sum;
  };
  header.valid = is_summed(bytes);
  std::array<char, kLogHeaderBytes> before;
  std::copy_n(bytes.begin(), before.size(), before.begin());
  const uint32_t times = BigEndian(bytes, kTimesBegunAt) - 1;
  for (size_t i = 0; i < 4; ++i) {
    before[kTimesBegunAt + i] = static_cast<char>(times >> (24 - 8 * i));
  }
  header.is_half_next = is_summed(before);
  return header;
}

FrameHeader ParseFrameHeader(std::span<const char> bytes) {
  return {BigEndian(bytes, 0),
          BigEndian(bytes, 4),
          Salts(bytes, 8),
          {BigEndian(bytes, 16), BigEndian(bytes, 20)}};
}

LogSum SumOfFrame(LogSum before, std::span<const char> frame, bool big_endian_sums) {
  const LogSum head = Extend(before, frame.first(kSummedFrameHeaderBytes), big_endian_sums);
  return Extend(head, frame.subspan(kFrameHeaderBytes), big_endian_sums);
}

}  // namespace pannier::store

#include "lib/core/uuid.h"

#include <sys/random.h>

#include "lib/core/check.h"

namespace pannier {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

void FillRandom(void* bytes, size_t count) {
  CHECK(getrandom(bytes, count, 0) == static_cast<ssize_t>(count));
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool HyphenBefore(size_t byte) { return byte == 4 || byte == 6 || byte == 8 || byte == 10; }

}  // namespace

Uuid Uuid::Random() {
  std::array<uint8_t, 16> bytes;
  FillRandom(bytes.data(), bytes.size());
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);
  return Uuid(bytes);
}

std::optional<Uuid> Uuid::Parse(std::string_view text) {
  if (text.size() != 36 && text.size() != 32) return std::nullopt;
  const bool hyphens = text.size() == 36;
  std::array<uint8_t, 16> bytes;
  size_t at = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (hyphens && HyphenBefore(i) && text[at++] != '-') return std::nullopt;
    const int high = HexValue(text[at++]);
    const int low = HexValue(text[at++]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return Uuid(bytes);
}

std::string Uuid::ToString() const {
  std::string text;
  text.reserve(36);
  for (size_t i = 0; i < bytes_.size(); ++i) {
    if (HyphenBefore(i)) text += '-';
    text += kHexDigits[bytes_[i] >> 4];
    text += kHexDigits[bytes_[i] & 15];
  }
  return text;
}

std::string RandomHex(int bytes) {
  uint8_t random[64];
  CHECK(bytes > 0 && bytes <= 64);
  FillRandom(random, static_cast<size_t>(bytes));
  std::string text;
  for (int i = 0; i < bytes; ++i) {
    text += kHexDigits[random[i] >> 4];
    text += kHexDigits[random[i] & 15];
  }
  return text;
}

}  // namespace pannier

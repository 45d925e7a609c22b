// A 128-bit UUID: collection ids, store ids, instance ids, operation uids.
// Threads: a value.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace pannier {

class Uuid {
 public:
  Uuid() = default;  // the nil UUID
  explicit Uuid(const std::array<uint8_t, 16>& bytes) : bytes_(bytes) {}

  // A random (version 4) UUID from the kernel's generator.
  static Uuid Random();
  // Reads the hyphenated form, in either case, and the 32-digit form without hyphens. Nothing else.
  static std::optional<Uuid> Parse(std::string_view text);

  // Lower case, hyphenated, 36 characters.
  std::string ToString() const;
  bool IsNil() const { return *this == Uuid(); }
  const std::array<uint8_t, 16>& bytes() const { return bytes_; }

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 errs on a defaulted comparison
  auto operator<=>(const Uuid&) const = default;

 private:
  std::array<uint8_t, 16> bytes_{};
};

// `bytes` (at most 64) random bytes as lower-case hex digits, e.g. trace ids.
std::string RandomHex(int bytes);

}  // namespace pannier

template <>
struct std::hash<pannier::Uuid> {
  size_t operator()(const pannier::Uuid& id) const noexcept {
    uint64_t half = 0;
    for (int i = 8; i < 16; ++i) half = half << 8 | id.bytes()[static_cast<size_t>(i)];
    return half;  // random bits already
  }
};

#include "operator/resource/names.h"

#include "lib/crypto/sha256.h"

namespace pannier::control {
namespace {

constexpr size_t kNameMax = 63;
constexpr size_t kHashDigits = 10;

// Parts with their lengths, so that ("ab", "c") is not ("a", "bc").
crypto::Digest DigestOf(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += std::to_string(part.size()) + ":" + part + ",";
  return crypto::Sha256(text);
}

}  // namespace

std::string HashedName(std::string_view base, const std::vector<std::string>& parts) {
  std::string name(base.substr(0, kNameMax - kHashDigits - 1));
  while (!name.empty() && (name.back() == '-' || name.back() == '.')) name.pop_back();
  return name + "-" + crypto::ToHex(DigestOf(parts)).substr(0, kHashDigits);
}

std::string SlotName(std::string_view schedule, WallTime slot) {
  const auto minutes = std::chrono::floor<std::chrono::minutes>(slot).time_since_epoch().count();
  return std::string(schedule) + "-" + std::to_string(minutes);
}

Uuid OperationUid(const std::vector<std::string>& parts) {
  const crypto::Digest digest = DigestOf(parts);
  std::array<uint8_t, 16> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = digest[i];
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0F) | 0x80);  // version 8: made by a rule of ours
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3F) | 0x80);
  return Uuid(bytes);
}

uint64_t HashOf(std::string_view text) {
  const crypto::Digest digest = crypto::Sha256(text);
  uint64_t hash = 0;
  for (size_t i = 0; i < 8; ++i) hash = hash << 8 | digest[i];
  return hash;
}

}  // namespace pannier::control

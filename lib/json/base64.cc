#include "lib/json/base64.h"

#include <array>
#include <cstring>

namespace pannier::json {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint32_t kBad = 0xFF000000;  // survives the OR of four characters

// Per character its six bits, where they belong in the 24 bits that four characters make. The
// result is stored in memory order (low byte first), so that three bytes leave with one copy.
using Table = std::array<uint32_t, 256>;
constexpr Table MakeTable(int position) {
  Table table{};
  for (uint32_t& entry : table) entry = kBad;
  for (uint32_t digit = 0; digit < 64; ++digit) {
    const uint32_t bits = digit << (18 - 6 * position);
    table[static_cast<unsigned char>(kAlphabet[digit])] =
        (bits & 0xFF) << 16 | (bits & 0xFF00) | (bits >> 16);
  }
  return table;
}
constexpr Table kFirst = MakeTable(0), kSecond = MakeTable(1), kThird = MakeTable(2),
                kFourth = MakeTable(3);

uint32_t DecodeFour(const char* text) {
  const auto at = [text](int i) { return static_cast<unsigned char>(text[i]); };
  return kFirst[at(0)] | kSecond[at(1)] | kThird[at(2)] | kFourth[at(3)];
}

void Store(uint32_t bits, size_t bytes, uint8_t* out) {
  for (size_t i = 0; i < bytes; ++i) out[i] = static_cast<uint8_t>(bits >> (8 * i));
}

// The last four characters, of which `padding` are '='.
bool DecodeLast(const char* text, size_t padding, uint8_t* out) {
  char whole[4] = {text[0], text[1], text[2], text[3]};
  for (size_t i = 4 - padding; i < 4; ++i) whole[i] = 'A';  // zero bits
  const uint32_t bits = DecodeFour(whole);
  const size_t bytes = 3 - padding;
  if (bits >> (8 * bytes)) return false;  // bad, or bits behind the data
  Store(bits, bytes, out);
  return true;
}

}  // namespace

std::optional<size_t> Base64Size(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  if (text.empty()) return 0;
  const size_t padding = (text.back() == '=') + (text.ends_with("==") ? 1u : 0u);
  return text.size() / 4 * 3 - padding;
}

bool DecodeBase64(std::string_view text, uint8_t* out) {
  if (text.empty()) return true;
  const char* in = text.data();
  const char* const last = in + text.size() - 4;
  uint32_t seen = 0;
  for (; in < last; in += 4, out += 3) {
    const uint32_t bits = DecodeFour(in);
    seen |= bits;
    Store(bits, 3, out);
  }
  if (seen & kBad) return false;
  const size_t padding = (last[3] == '=') + (last[3] == '=' && last[2] == '=' ? 1u : 0u);
  return DecodeLast(last, padding, out);
}

void AppendBase64(std::string_view bytes, std::string* out) {
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - at);
    uint32_t bits = 0;
    for (size_t i = 0; i < 3; ++i) {
      bits = bits << 8 | (i < count ? static_cast<unsigned char>(bytes[at + i]) : 0u);
    }
    for (size_t i = 0; i < 4; ++i) {
      out->push_back(i <= count ? kAlphabet[bits >> (18 - 6 * i) & 63] : '=');
    }
  }
}

}  // namespace pannier::json

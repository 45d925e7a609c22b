#include "daemon/api/credentials.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "lib/json/base64.h"

namespace pannier::api {
namespace {

bool EqualWithoutCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return std::tolower(static_cast<unsigned char>(x)) ==
                  std::tolower(static_cast<unsigned char>(y));
         });
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::optional<std::string> DecodeBasic(std::string_view text) {
  const std::optional<size_t> size = json::Base64Size(text);
  if (!size) return std::nullopt;
  std::string decoded(*size, '\0');
  if (!json::DecodeBase64(text, reinterpret_cast<uint8_t*>(decoded.data()))) return std::nullopt;
  return decoded;
}

}  // namespace

std::optional<std::string> TokenOf(const http::Request& request) {
  if (const auto own = request.Header("x-chroma-token")) return std::string(Trim(*own));
  const auto header = request.Header("authorization");
  if (!header) return std::nullopt;
  const size_t space = header->find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const std::string_view kind = header->substr(0, space), value = Trim(header->substr(space));
  if (EqualWithoutCase(kind, "bearer")) return std::string(value);
  if (EqualWithoutCase(kind, "basic")) return DecodeBasic(value);
  return std::nullopt;
}

}  // namespace pannier::api

#include "daemon/api/credentials.h"

#include <string_view>

#include "lib/http/text.h"
#include "lib/json/base64.h"

namespace pannier::api {
namespace {

std::optional<std::string> DecodeBasic(std::string_view text) {
  const std::optional<size_t> size = json::Base64Size(text);
  if (!size) return std::nullopt;
  std::string decoded(*size, '\0');
  if (!json::DecodeBase64(text, reinterpret_cast<uint8_t*>(decoded.data()))) return std::nullopt;
  return decoded;
}

}  // namespace

std::optional<std::string> TokenOf(const http::Request& request) {
  if (const auto own = request.Header("x-chroma-token")) return std::string(http::Trim(*own));
  const auto header = request.Header("authorization");
  if (!header) return std::nullopt;
  const size_t space = header->find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const std::string_view kind = header->substr(0, space), value = http::Trim(header->substr(space));
  if (http::EqualsIgnoringCase(kind, "bearer")) return std::string(value);
  if (http::EqualsIgnoringCase(kind, "basic")) return DecodeBasic(value);
  return std::nullopt;
}

}  // namespace pannier::api

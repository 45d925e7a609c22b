#include "operator/kube/api_error.h"

#include <nlohmann/json.hpp>

#include "operator/kube/object.h"

namespace pannier::kube {
namespace {

using Json = nlohmann::json;

constexpr size_t kMessageBytesMax = 2'048;  // some messages repeat the whole object

Errc CodeOf(int http_code) {
  switch (http_code) {
    case 400:
    case 413:
    case 422:
      return Errc::kInvalidArgument;
    case 401:
    case 403:
      return Errc::kPermissionDenied;
    case 404:
      return Errc::kNotFound;
    case 405:
    case 406:
    case 415:
    case 501:
      return Errc::kUnimplemented;
    case 409:
    case 410:
      return Errc::kConflict;
    case 504:
      return Errc::kDeadlineExceeded;
    default:
      return Errc::kUnavailable;
  }
}

std::string Cut(std::string text) {
  if (text.size() <= kMessageBytesMax) return text;
  size_t end = kMessageBytesMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text + "…";
}

// "field spec.schedule: …; field spec.timeZone: …"
std::string FieldsOf(const Json& status) {
  std::string fields;
  const auto details = status.find("details");
  if (details == status.end() || !details->is_object()) return fields;
  const auto causes = details->find("causes");
  if (causes == details->end() || !causes->is_array()) return fields;
  for (const Json& cause : *causes) {
    const std::string field = TextAt(cause, "/field");
    if (field.empty()) continue;
    fields += (fields.empty() ? "" : "; ") + ("field " + field + ": ") + TextAt(cause, "/message");
  }
  return fields;
}

}  // namespace

Error ApiError(int http_code, const Json& status, std::string_view doing) {
  Error error;
  error.code = CodeOf(http_code);
  const std::string message = TextAt(status, "/message");
  error.what =
      std::string(doing) + ": " +
      (message.empty() ? "the API server answered " + std::to_string(http_code) : Cut(message));
  error.hint = Cut(FieldsOf(status));
  return error;
}

}  // namespace pannier::kube

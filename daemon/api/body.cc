#include "daemon/api/body.h"

#include <limits>

namespace pannier::api {

Result<json::Value> ParseBody(const http::Request& request, json::Document& document) {
  static_assert(http::kBodyPadding >= json::kPadding);
  Result<json::Value> value = document.Parse(request.body);
  if (value.Is(Errc::kInvalidArgument)) {
    return std::move(value).error().Context("Failed to parse the request body as JSON");
  }
  return value;
}

Status ReadFields(const json::Value& body, std::span<const std::string_view> names,
                  std::span<Field> fields) {
  if (!body.is_object()) return Malformed("invalid type: expected an object");
  std::string_view twice;
  body.ForEachMember([&](std::string_view key, json::Value member) {
    for (size_t i = 0; i < names.size(); ++i) {
      if (key != names[i]) continue;
      if (fields[i]) twice = names[i];
      fields[i] = member;
    }
    return true;
  });
  if (!twice.empty()) return Malformed("duplicate field `" + std::string(twice) + "`");
  return {};
}

Error MissingField(std::string_view name) {
  return Malformed("missing field `" + std::string(name) + "`");
}

Error WrongType(std::string_view path, std::string_view expected) {
  return Malformed(std::string(path) + ": invalid type: expected " + std::string(expected));
}

Error NoWord(std::string_view path) {
  return InvalidArgument("Failed to parse the request body as JSON: " + std::string(path) +
                         ": expected value");
}

Result<std::string> ReadString(const json::Value& value, std::string_view path) {
  if (!value.is_string()) return WrongType(path, "a string");
  return std::string(value.AsString());
}

Result<uint32_t> ReadUint32(const json::Value& value, std::string_view path) {
  const std::optional<uint64_t> number = value.AsUnsigned();
  if (!number || *number > std::numeric_limits<uint32_t>::max()) return WrongType(path, "u32");
  return static_cast<uint32_t>(*number);
}

Result<std::vector<std::string>> ReadStrings(const json::Value& value, std::string_view path) {
  if (!value.is_array()) return WrongType(path, "a list of strings");
  std::vector<std::string> strings;
  strings.reserve(value.size());
  bool all_strings = true;
  value.ForEachElement([&](json::Value element) {
    all_strings = element.is_string();
    if (all_strings) strings.emplace_back(element.AsString());
    return all_strings;
  });
  if (!all_strings) return WrongType(Indexed(path, strings.size()), "a string");
  return strings;
}

std::string Indexed(std::string_view name, size_t index) {
  return std::string(name).append("[").append(std::to_string(index)).append("]");
}

}  // namespace pannier::api

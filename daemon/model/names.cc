#include "daemon/model/names.h"

#include <arpa/inet.h>

#include <algorithm>
#include <string>

namespace pannier::model {
namespace {

constexpr size_t kNameBytesMin = 3, kNameBytesMax = 512;

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool HasRightForm(std::string_view name) {
  return name.size() >= kNameBytesMin && name.size() <= kNameBytesMax &&
         IsAlphanumeric(name.front()) && IsAlphanumeric(name.back()) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return IsAlphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

bool IsIpV4(std::string_view name) {
  in_addr address;
  return inet_pton(AF_INET, std::string(name).c_str(), &address) == 1;
}

Status CheckPart(std::string_view name, std::string_view prefix) {
  const auto fail = [&](std::string_view text) {
    return InvalidArgument(std::string(prefix).append(text).append(name));
  };
  if (!HasRightForm(name)) {
    return fail(
        "Expected a name containing 3-512 characters from [a-zA-Z0-9._-], starting and ending "
        "with a character in [a-zA-Z0-9]. Got: ");
  }
  if (name.find("..") != std::string_view::npos) {
    return fail("Expected a name that does not contains two consecutive periods (..). Got ");
  }
  if (IsIpV4(name)) return fail("Expected a name that is not a valid ip address. Got ");
  return {};
}

}  // namespace

Status CheckName(std::string_view name, std::string_view message_prefix) {
  const size_t plus = name.find('+');
  if (plus == std::string_view::npos) return CheckPart(name, message_prefix);
  if (name.find('+', plus + 1) != std::string_view::npos) {
    return InvalidArgument(std::string(message_prefix) +
                           "Expected a name to contain at most one topology:  Got two `+` "
                           "characters.");
  }
  if (name.size() > kNameBytesMax) {
    return InvalidArgument(std::string(message_prefix) +
                           "Expected a name of at most 512 characters. Got " +
                           std::to_string(name.size()));
  }
  TRY(CheckPart(name.substr(0, plus), message_prefix));
  return CheckPart(name.substr(plus + 1), message_prefix);
}

}  // namespace pannier::model

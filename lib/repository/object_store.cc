#include "lib/repository/object_store.h"

namespace pannier::repository {
namespace {

constexpr size_t kKeyBytesMax = 512;

bool IsSegment(std::string_view segment) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  if (segment.empty() || segment == "." || segment == "..") return false;
  return segment.find_first_not_of(kLetters) == std::string_view::npos;
}

}  // namespace

bool IsKey(std::string_view key) {
  if (key.size() > kKeyBytesMax) return false;
  while (true) {
    const std::string_view segment = key.substr(0, key.find('/'));
    if (!IsSegment(segment)) return false;
    if (segment.size() == key.size()) return true;
    key.remove_prefix(segment.size() + 1);
  }
}

Status CheckKey(std::string_view key) {
  if (IsKey(key)) return {};
  return InvalidArgument("\"" + std::string(key) + "\" is not a key of an object");
}

}  // namespace pannier::repository

#include "operator/kube/resource_path.h"

#include <algorithm>

namespace pannier::kube {
namespace {

bool IsPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

// What the API accepts as a path segment: most kinds allow less, and the API says so itself.
bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= 253 && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), [](char c) { return IsPlain(c) || c == ':'; });
}

Error NoName(const Resource& resource, std::string_view name) {
  return InvalidArgument("\"" + std::string(name) + "\" is no name of " +
                         std::string(resource.plural));
}

}  // namespace

Result<std::string> CollectionPathOf(const Resource& resource, const std::string& ns) {
  std::string path =
      resource.group.empty() ? "/api/" : "/apis/" + std::string(resource.group) + "/";
  path += resource.version;
  if (!ns.empty()) {
    if (!IsName(ns)) return InvalidArgument("\"" + ns + "\" is no name of a namespace");
    if (resource.namespaced) path += "/namespaces/" + ns;
  }
  return path + "/" + std::string(resource.plural);
}

Result<std::string> PathOf(const Resource& resource, const ObjectKey& key) {
  if (!IsName(key.name)) return NoName(resource, key.name);
  if (resource.namespaced && key.ns.empty()) {
    return InvalidArgument(std::string(resource.plural) + " " + key.name + " lacks its namespace");
  }
  return TRY(CollectionPathOf(resource, key.ns)) + "/" + key.name;
}

void Query::Add(std::string_view name, std::string_view value) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  if (value.empty()) return;
  text_ += text_.empty() ? '?' : '&';
  text_ += name;
  text_ += '=';
  for (const char c : value) {
    if (IsPlain(c)) {
      text_ += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    text_ += '%';
    text_ += kDigits[byte >> 4];
    text_ += kDigits[byte & 15];
  }
}

}  // namespace pannier::kube

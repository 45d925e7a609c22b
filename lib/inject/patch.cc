#include "lib/inject/patch.h"

#include <cstddef>

namespace pannier::inject {

using nlohmann::json;

const json& Patch::At(const std::string& path) const {
  static const json kNothing;
  const json::json_pointer pointer(path);
  return document_.contains(pointer) ? document_.at(pointer) : kNothing;
}

void Patch::Record(const char* operation, const std::string& path, const json& value) {
  steps_.push_back({{"op", operation}, {"path", path}, {"value", value}});
}

void Patch::Set(const std::string& path, const json& value) {
  const json::json_pointer pointer(path);
  const bool is_there = document_.contains(pointer);
  if (is_there && document_.at(pointer) == value) return;
  document_[pointer] = value;
  Record(is_there ? "replace" : "add", path, value);
}

void Patch::Ensure(const std::string& path, const json& empty) {
  if (At(path).is_null()) Set(path, empty);
}

void Patch::Append(const std::string& path, const json& value) {
  document_[json::json_pointer(path)].push_back(value);
  Record("add", path + "/-", value);
}

void Patch::Prepend(const std::string& path, const json& value) {
  json& array = document_[json::json_pointer(path)];
  array.insert(array.begin(), value);
  Record("add", path + "/0", value);
}

void Patch::Replace(const std::string& path, size_t index, const json& value) {
  Set(path + "/" + std::to_string(index), value);
}

void Patch::Remove(const std::string& path, size_t index) {
  document_[json::json_pointer(path)].erase(index);
  steps_.push_back({{"op", "remove"}, {"path", path + "/" + std::to_string(index)}});
}

std::string PathPart(const std::string& name) {
  std::string part;
  for (const char c : name) part += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return part;
}

}  // namespace pannier::inject

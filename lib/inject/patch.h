// A JSON patch as it grows: each step is recorded and applied at once, so that the next one sees
// it. Steps that change nothing are left out. Threads: a value.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace pannier::inject {

class Patch {
 public:
  explicit Patch(nlohmann::json document) : document_(std::move(document)) {}

  const nlohmann::json& document() const { return document_; }
  const nlohmann::json& steps() const { return steps_; }

  // The member at `path` ("/spec/volumes"); null when it is not there.
  const nlohmann::json& At(const std::string& path) const;
  // Sets a member of an object that is there.
  void Set(const std::string& path, const nlohmann::json& value);
  // Sees to it that an object, an array is there.
  void Ensure(const std::string& path, const nlohmann::json& empty);
  // Puts `value` into an array: behind all, before all, or in the place of entry `index`.
  void Append(const std::string& path, const nlohmann::json& value);
  void Prepend(const std::string& path, const nlohmann::json& value);
  void Replace(const std::string& path, size_t index, const nlohmann::json& value);
  void Remove(const std::string& path, size_t index);

 private:
  void Record(const char* operation, const std::string& path, const nlohmann::json& value);

  nlohmann::json document_;
  nlohmann::json steps_ = nlohmann::json::array();
};

// A member's name as a part of a path: '~' and '/' are written otherwise there.
std::string PathPart(const std::string& name);

}  // namespace pannier::inject

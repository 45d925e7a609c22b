#include "operator/resource/fields.h"

#include <nlohmann/json.hpp>

#include "lib/core/time_text.h"
#include "lib/json/cold.h"

namespace pannier::control {
namespace {

using Json = nlohmann::json;

// What people write into status fields is not worth more than this.
constexpr size_t kRawBytesMax = 64 << 10;

size_t Characters(const std::string& text) {
  size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
  return count;
}

}  // namespace

// --- Reader ---

Reader::Reader(const Json& object, std::string path, Mode mode) : mode_(mode) {
  static const Json kNothing = Json::object();
  Push(object.is_object() ? &object : &kNothing, std::move(path));
  if (!object.is_object() && !object.is_null()) Blame({.name = ""}, "must be an object");
}

void Reader::Push(const Json* place, std::string segment) {
  places_.push_back(place);
  path_.push_back(std::move(segment));
}

void Reader::Pop() {
  places_.pop_back();
  path_.pop_back();
}

void Reader::Blame(const Field& field, const std::string& what) {
  if (mode_ == Mode::kLenient || !status_.ok()) return;
  std::string where;
  for (const std::string& segment : path_) {
    if (!where.empty() && segment[0] != '[') where += '.';
    where += segment;
  }
  if (field.name[0] != '\0') where += std::string(where.empty() ? "" : ".") + field.name;
  status_ = InvalidArgument(where + ": " + what, "see kubectl explain");
}

const Json* Reader::Find(const Field& field) {
  const auto found = places_.back()->find(field.name);
  if (found != places_.back()->end() && !found->is_null()) return &*found;
  if (field.required) Blame(field, "is required");
  return nullptr;
}

void Reader::Text(const Field& field, std::string* value) {
  const Json* found = Find(field);
  if (found == nullptr) return;
  if (field.quantity && found->is_number_integer()) {
    *value = found->dump();
    return;
  }
  if (!found->is_string()) return Blame(field, "must be a string");
  const auto& text = found->get_ref<const std::string&>();
  if (Characters(text) > static_cast<size_t>(field.length_max)) {
    return Blame(field, "must have at most " + std::to_string(field.length_max) + " characters");
  }
  if (Characters(text) < static_cast<size_t>(field.length_min)) {
    return Blame(field, "must have at least " + std::to_string(field.length_min) + " characters");
  }
  *value = text;
}

void Reader::Number(const Field& field, std::optional<int64_t>* value) {
  const Json* found = Find(field);
  if (found == nullptr) return;
  if (!found->is_number_integer()) return Blame(field, "must be an integer");
  const auto number = found->get<int64_t>();
  if (field.min && number < *field.min) {
    return Blame(field, "must be at least " + std::to_string(*field.min));
  }
  if (field.max && number > *field.max) {
    return Blame(field, "must be at most " + std::to_string(*field.max));
  }
  *value = number;
}

void Reader::Number(const Field& field, int64_t* value) {
  std::optional<int64_t> found;
  Number(field, &found);
  if (found) *value = *found;
}

void Reader::Flag(const Field& field, bool* value) {
  const Json* found = Find(field);
  if (found == nullptr) return;
  if (!found->is_boolean()) return Blame(field, "must be true or false");
  *value = found->get<bool>();
}

void Reader::Time(const Field& field, std::optional<WallTime>* value) {
  const Json* found = Find(field);
  if (found == nullptr) return;
  std::optional<WallTime> time;
  if (found->is_string()) time = ParseTime(found->get_ref<const std::string&>());
  if (!time) return Blame(field, "must be a time like 2025-01-31T12:00:00Z");
  *value = time;
}

void Reader::Texts(const Field& field, std::vector<std::string>* value) {
  const Json* found = Find(field);
  if (found == nullptr) return;
  if (!found->is_array()) return Blame(field, "must be a list of strings");
  if (found->size() > static_cast<size_t>(field.items_max)) {
    return Blame(field, "must have at most " + std::to_string(field.items_max) + " items");
  }
  for (const Json& each : *found) {
    if (!each.is_string()) return Blame(field, "must be a list of strings");
    value->push_back(each.get<std::string>());
  }
}

void Reader::Map(const Field& field, std::map<std::string, std::string>* value) {
  const Json* found = Find(field);
  if (found == nullptr) return;
  if (!found->is_object()) return Blame(field, "must be an object of strings");
  for (const auto& [key, each] : found->items()) {
    if (field.quantity && each.is_number_integer()) {
      (*value)[key] = each.dump();
      continue;
    }
    if (!each.is_string()) return Blame(field, "must be an object of strings");
    (*value)[key] = each.get<std::string>();
  }
}

void Reader::Raw(const Field& field, std::string* value) {
  const Json* found = Find(field);
  if (found == nullptr) return;
  if (!found->is_object()) return Blame(field, "must be an object");
  std::string text = json::Dump(*found);
  if (text.size() > kRawBytesMax) return Blame(field, "must have at most 64 KiB");
  *value = std::move(text);
}

void Reader::Pick(const Field& field, int* value, std::span<const char* const> names) {
  const Json* found = Find(field);
  if (found == nullptr) return;
  for (size_t i = 0; found->is_string() && i < names.size(); ++i) {
    if (found->get_ref<const std::string&>() != names[i]) continue;
    *value = static_cast<int>(i);
    return;
  }
  std::string list;
  for (const char* name : names) list += std::string(list.empty() ? "" : ", ") + name;
  Blame(field, "must be one of " + list);
}

bool Reader::Enter(const Field& field, bool* present) {
  const Json* found = Find(field);
  *present = found != nullptr;
  if (!*present) return false;
  if (!found->is_object()) {
    Blame(field, "must be an object");
    return false;
  }
  Push(found, field.name);
  return true;
}

void Reader::Leave() { Pop(); }

bool Reader::EnterList(const Field& field, size_t* count) {
  const Json* found = Find(field);
  if (found == nullptr) return false;
  if (!found->is_array()) {
    Blame(field, "must be a list");
    return false;
  }
  if (found->size() > static_cast<size_t>(field.items_max)) {
    Blame(field, "must have at most " + std::to_string(field.items_max) + " items");
  }
  *count = std::min(found->size(), static_cast<size_t>(field.items_max));
  Push(found, field.name);
  return true;
}

void Reader::EnterItem(size_t index) {
  static const Json kNothing = Json::object();
  const Json& item = (*places_.back())[index];
  Push(item.is_object() ? &item : &kNothing, "[" + std::to_string(index) + "]");
  if (!item.is_object()) Blame({.name = ""}, "must be an object");
}

void Reader::LeaveItem() { Pop(); }
void Reader::LeaveList() { Pop(); }

// --- Writer ---

Writer::Writer() { open_.push_back(Json::object()); }

Json Writer::Take() { return std::move(open_.front()); }

void Writer::Put(const char* name, Json value) { open_.back()[name] = std::move(value); }

void Writer::Text(const Field& field, std::string* value) {
  if (!value->empty()) Put(field.name, *value);
}
void Writer::Number(const Field& field, int64_t* value) { Put(field.name, *value); }
void Writer::Number(const Field& field, std::optional<int64_t>* value) {
  if (*value) Put(field.name, **value);
}
void Writer::Flag(const Field& field, bool* value) { Put(field.name, *value); }
void Writer::Time(const Field& field, std::optional<WallTime>* value) {
  // Whole seconds, as Kubernetes writes its own times.
  if (*value) Put(field.name, FormatTime(std::chrono::floor<std::chrono::seconds>(**value)));
}
void Writer::Texts(const Field& field, std::vector<std::string>* value) {
  if (!value->empty()) Put(field.name, *value);
}
void Writer::Map(const Field& field, std::map<std::string, std::string>* value) {
  if (!value->empty()) Put(field.name, *value);
}
void Writer::Raw(const Field& field, std::string* value) {
  if (value->empty()) return;
  Result<Json> parsed = json::ParseCold(*value);
  if (parsed.ok()) Put(field.name, *std::move(parsed));
}
void Writer::Pick(const Field& field, int* value, std::span<const char* const> names) {
  Put(field.name, names[static_cast<size_t>(*value)]);
}

bool Writer::Enter(const Field& field, bool* present) {
  if (!*present) return false;
  open_.push_back(Json::object());
  names_.emplace_back(field.name);
  return true;
}

void Writer::Leave() {
  if (!open_.back().empty()) return LeaveOptional();
  open_.pop_back();
  names_.pop_back();
}

void Writer::LeaveOptional() {
  Json done = std::move(open_.back());
  open_.pop_back();
  open_.back()[names_.back()] = std::move(done);
  names_.pop_back();
}

bool Writer::EnterList(const Field& field, size_t* count) {
  if (*count == 0) return false;
  open_.push_back(Json::array());
  names_.emplace_back(field.name);
  return true;
}

void Writer::EnterItem(size_t) { open_.push_back(Json::object()); }

void Writer::LeaveItem() {
  Json done = std::move(open_.back());
  open_.pop_back();
  open_.back().push_back(std::move(done));
}

void Writer::LeaveList() { LeaveOptional(); }

}  // namespace pannier::control

#include "daemon/model/metadata.h"

#include <unordered_map>

#include "lib/json/reader.h"
#include "lib/json/writer.h"

namespace pannier::model {
namespace {

void AppendElement(bool element, std::string* out) { out->append(element ? "true" : "false"); }
void AppendElement(int64_t element, std::string* out) { json::AppendInt(element, out); }
void AppendElement(double element, std::string* out) { json::AppendDouble(element, out); }
void AppendElement(const std::string& element, std::string* out) {
  json::AppendString(element, out);
}

template <typename T>
void AppendElement(const std::vector<T>& elements, std::string* out) {
  out->push_back('[');
  for (size_t i = 0; i < elements.size(); ++i) {
    if (i > 0) out->push_back(',');
    AppendElement(static_cast<const T&>(elements[i]), out);
  }
  out->push_back(']');
}

void AppendElement(std::monostate, std::string*) {}

// The elements of an array whose kind is known to be that of its first one.
template <typename T, typename Take>
Result<MetadataValue> ReadArray(const json::Value& array, Take take) {
  std::vector<T> elements;
  bool ok = true;
  array.ForEachElement([&](json::Value element) {
    ok = take(element, &elements);
    return ok;
  });
  if (!ok) return Corruption("stored metadata has an array of mixed kinds");
  return MetadataValue(std::move(elements));
}

Result<MetadataValue> ReadStoredArray(const json::Value& array) {
  json::Kind kind = json::Kind::kNull;
  array.ForEachElement([&](json::Value element) {
    kind = element.kind();
    return false;
  });
  const auto fits = [kind](const json::Value& element) { return element.kind() == kind; };
  switch (kind) {
    case json::Kind::kBool:
      return ReadArray<bool>(array, [&](json::Value element, std::vector<bool>* out) {
        return fits(element) && (out->push_back(element.AsBool()), true);
      });
    case json::Kind::kInt:
      return ReadArray<int64_t>(array, [&](json::Value element, std::vector<int64_t>* out) {
        return fits(element) && (out->push_back(element.AsInt()), true);
      });
    case json::Kind::kDouble:
      return ReadArray<double>(array, [&](json::Value element, std::vector<double>* out) {
        return fits(element) && (out->push_back(element.AsDouble()), true);
      });
    case json::Kind::kString:
      return ReadArray<std::string>(array, [&](json::Value element, std::vector<std::string>* out) {
        return fits(element) && (out->emplace_back(element.AsString()), true);
      });
    default:
      return Corruption("stored metadata has an array that is empty or nested");
  }
}

Result<MetadataValue> ReadStoredValue(const json::Value& value) {
  switch (value.kind()) {
    case json::Kind::kBool:
      return MetadataValue(value.AsBool());
    case json::Kind::kInt:
      return MetadataValue(value.AsInt());
    case json::Kind::kDouble:
      return MetadataValue(value.AsDouble());
    case json::Kind::kString:
      return MetadataValue(std::string(value.AsString()));
    case json::Kind::kArray:
      return ReadStoredArray(value);
    default:
      return Corruption("stored metadata has a value that is null or an object");
  }
}

}  // namespace

void AppendJson(const Metadata& metadata, std::string* out) {
  out->push_back('{');
  bool first = true;
  for (const auto& [key, value] : metadata) {
    if (std::holds_alternative<std::monostate>(value)) continue;
    if (!first) out->push_back(',');
    first = false;
    json::AppendString(key, out);
    out->push_back(':');
    std::visit([out](const auto& held) { AppendElement(held, out); }, value);
  }
  out->push_back('}');
}

std::string ToJson(const Metadata& metadata) {
  std::string out;
  AppendJson(metadata, &out);
  return out;
}

Result<Metadata> ParseStoredMetadata(std::string_view json) {
  json::BorrowedDocument document;
  const Result<json::Value> root = document->ParseCopy(json);
  if (!root.ok()) {
    if (root.Is(Errc::kResourceExhausted)) return root.error();
    return Corruption("stored metadata is not JSON: " + root.error().what);
  }
  return ReadStoredMetadata(*root);
}

Result<Metadata> ReadStoredMetadata(const json::Value& object) {
  if (!object.is_object()) return Corruption("stored metadata is not an object");
  Metadata metadata;
  Status status;
  object.ForEachMember([&](std::string_view key, json::Value member) {
    Result<MetadataValue> value = ReadStoredValue(member);
    if (!value.ok()) {
      status = std::move(value).error().Context("key '" + std::string(key) + "'");
      return false;
    }
    metadata.emplace_back(key, std::move(value).value());
    return true;
  });
  TRY(std::move(status));
  return metadata;
}

Metadata Merge(Metadata base, const Metadata& patch) {
  std::unordered_map<std::string_view, size_t> places;
  const size_t base_size = base.size();
  base.reserve(base_size + patch.size());  // so that the views of keys below stay valid
  for (size_t i = 0; i < base_size; ++i) places.emplace(base[i].first, i);
  for (const auto& [key, value] : patch) {
    const auto place = places.find(key);
    if (place == places.end()) {
      base.emplace_back(key, value);
    } else {
      base[place->second].second = value;
    }
  }
  std::erase_if(
      base, [](const auto& entry) { return std::holds_alternative<std::monostate>(entry.second); });
  return base;
}

}  // namespace pannier::model

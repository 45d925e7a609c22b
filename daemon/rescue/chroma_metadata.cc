#include "daemon/rescue/chroma_metadata.h"

#include <algorithm>
#include <utility>

#include "lib/json/reader.h"
#include "lib/json/writer.h"

namespace pannier::rescue {
namespace {

using model::MetadataValue;

constexpr std::string_view kDocument = "chroma:document";
constexpr std::string_view kUri = "chroma:uri";

// Nothing when all are null, or the text is no text.
std::optional<model::Scalar> ScalarOf(const store::Statement& row) {
  if (!row.IsNull(1)) {
    const std::string_view text = row.Text(1);
    if (!json::IsUtf8(text)) return std::nullopt;
    return model::Scalar(std::string(text));
  }
  if (!row.IsNull(2)) return model::Scalar(row.Int(2));
  if (!row.IsNull(3)) return model::Scalar(row.Real(3));
  if (!row.IsNull(4)) return model::Scalar(row.Int(4) != 0);
  return std::nullopt;
}

MetadataValue ToValue(model::Scalar scalar) {
  return std::visit([](auto& held) { return MetadataValue(std::move(held)); }, scalar);
}

MetadataValue* Find(model::Metadata& metadata, std::string_view key) {
  const auto found = std::find_if(metadata.begin(), metadata.end(),
                                  [&](const auto& entry) { return entry.first == key; });
  return found == metadata.end() ? nullptr : &found->second;
}

bool KeyIsGood(std::string_view key) { return !key.empty() && json::IsUtf8(key); }

// Puts `value` where it belongs: documents and URIs have keys of Chroma's own.
void Put(std::string_view key, MetadataValue value, Attributes* into) {
  const bool document = key == kDocument;
  if (document || key == kUri) {
    auto* text = std::get_if<std::string>(&value);
    if (text != nullptr) (document ? into->document : into->uri) = std::move(*text);
    return;
  }
  if (MetadataValue* known = Find(into->metadata, key)) {
    *known = std::move(value);
  } else {
    into->metadata.emplace_back(key, std::move(value));
  }
}

template <typename T>
bool Append(MetadataValue* array, const model::Scalar& element) {
  auto* elements = std::get_if<std::vector<T>>(array);
  const T* value = std::get_if<T>(&element);
  if (elements == nullptr || value == nullptr) return false;
  elements->push_back(*value);
  return true;
}

bool AppendAny(MetadataValue* array, const model::Scalar& element) {
  return Append<bool>(array, element) || Append<int64_t>(array, element) ||
         Append<double>(array, element) || Append<std::string>(array, element);
}

template <typename T>
MetadataValue ArrayOf(const T& first) {
  return std::vector<T>{first};
}

// Integers among floats are floats.
std::optional<model::Scalar> ReadScalar(const json::Value& value, bool as_double) {
  switch (value.kind()) {
    case json::Kind::kBool:
      return model::Scalar(value.AsBool());
    case json::Kind::kInt:
      if (as_double) return model::Scalar(value.AsDouble());
      return model::Scalar(value.AsInt());
    case json::Kind::kDouble:
      return model::Scalar(value.AsDouble());
    case json::Kind::kString:
      return model::Scalar(std::string(value.AsString()));
    default:
      return std::nullopt;
  }
}

std::optional<MetadataValue> ReadArray(const json::Value& array) {
  bool has_double = false, good = true;
  array.ForEachElement([&](json::Value element) {
    has_double = has_double || element.kind() == json::Kind::kDouble;
    return true;
  });
  std::optional<MetadataValue> values;
  array.ForEachElement([&](json::Value element) {
    const auto scalar = ReadScalar(element, has_double);
    good = scalar.has_value();
    if (!good) return false;
    if (values) {
      good = AppendAny(&*values, *scalar);
    } else {
      values = std::visit([](const auto& held) { return ArrayOf(held); }, *scalar);
    }
    return good;
  });
  if (!good) return std::nullopt;
  return values ? values : MetadataValue();  // an empty array is a value that is nothing
}

std::optional<MetadataValue> ReadValue(const json::Value& value) {
  if (value.is_null()) return MetadataValue();
  if (value.is_array()) return ReadArray(value);
  auto scalar = ReadScalar(value, false);
  if (!scalar) return std::nullopt;
  return ToValue(*std::move(scalar));
}

}  // namespace

void AddScalar(const store::Statement& row, Attributes* into) {
  const std::string_view key = row.Text(0);
  std::optional<model::Scalar> scalar = ScalarOf(row);
  if (!KeyIsGood(key) || !scalar) {
    into->damaged = true;
    return;
  }
  Put(key, ToValue(*std::move(scalar)), into);
}

void AddElement(const store::Statement& row, Attributes* into) {
  const std::string_view key = row.Text(0);
  const std::optional<model::Scalar> scalar = ScalarOf(row);
  if (!KeyIsGood(key) || !scalar) {
    into->damaged = true;
    return;
  }
  MetadataValue* known = Find(into->metadata, key);
  if (known == nullptr) {
    Put(key, std::visit([](const auto& held) { return ArrayOf(held); }, *scalar), into);
  } else if (!AppendAny(known, *scalar)) {
    into->damaged = true;
  }
}

Result<Attributes> ParseQueued(std::string_view json) {
  json::BorrowedDocument document;
  const Result<json::Value> root = document->ParseCopy(json);
  if (!root.ok()) return Corruption("not JSON: " + root.error().what);
  if (!root->is_object()) return Corruption("not an object");
  Attributes attributes;
  root->ForEachMember([&](std::string_view key, json::Value member) {
    std::optional<MetadataValue> value = ReadValue(member);
    if (value && !key.empty()) {
      Put(key, *std::move(value), &attributes);
    } else {
      attributes.damaged = true;
    }
    return true;
  });
  return attributes;
}

}  // namespace pannier::rescue

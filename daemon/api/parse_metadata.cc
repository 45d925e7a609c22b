#include "daemon/api/parse_metadata.h"

#include <unordered_map>

#include "daemon/api/body.h"

namespace pannier::api {
namespace {

// Which kinds the elements of an array have.
struct Kinds {
  bool bools = false, ints = false, doubles = false, strings = false, others = false;
};

Kinds KindsOf(const json::Value& array) {
  Kinds kinds;
  array.ForEachElement([&](json::Value element) {
    switch (element.kind()) {
      case json::Kind::kBool:
        kinds.bools = true;
        break;
      case json::Kind::kInt:
        kinds.ints = true;
        break;
      case json::Kind::kDouble:
        kinds.doubles = true;
        break;
      case json::Kind::kString:
        kinds.strings = true;
        break;
      default:
        kinds.others = true;
    }
    return true;
  });
  return kinds;
}

template <typename T, typename Take>
std::vector<T> ReadArray(const json::Value& array, Take take) {
  std::vector<T> elements;
  elements.reserve(array.size());
  array.ForEachElement([&](json::Value element) {
    elements.push_back(T(take(element)));
    return true;
  });
  return elements;
}

// Nothing when the kinds do not go together. An empty array gives null.
std::optional<model::MetadataValue> ParseArray(const json::Value& array) {
  const Kinds kinds = KindsOf(array);
  const int families = kinds.bools + (kinds.ints || kinds.doubles) + kinds.strings;
  if (kinds.others || families > 1) return std::nullopt;
  if (kinds.bools) return ReadArray<bool>(array, [](const auto& e) { return e.AsBool(); });
  if (kinds.doubles) return ReadArray<double>(array, [](const auto& e) { return e.AsDouble(); });
  if (kinds.ints) return ReadArray<int64_t>(array, [](const auto& e) { return e.AsInt(); });
  if (kinds.strings) {
    return ReadArray<std::string>(array, [](const auto& e) { return e.AsString(); });
  }
  return std::monostate();
}

bool IsSparseVector(const json::Value& object) {
  const auto type = object.Find("#type");
  const auto indices = object.Find("indices"), values = object.Find("values");
  // The mark may be missing, as older clients leave it out.
  const bool marked = !type || (type->is_string() && type->AsString() == "sparse_vector");
  return marked && indices && indices->is_array() && values && values->is_array();
}

Result<model::MetadataValue> ParseValue(const json::Value& value, Nulls nulls,
                                        std::string_view path, std::string_view key) {
  const auto wrong = [&] {
    return Malformed(std::string(path) + "." + std::string(key) +
                     ": data did not match any kind of metadata value");
  };
  switch (value.kind()) {
    case json::Kind::kBool:
      return model::MetadataValue(value.AsBool());
    case json::Kind::kInt:
      return model::MetadataValue(value.AsInt());
    case json::Kind::kDouble:
      return model::MetadataValue(value.AsDouble());
    case json::Kind::kString:
      return model::MetadataValue(std::string(value.AsString()));
    case json::Kind::kNull:
      if (nulls == Nulls::kRefused) return wrong();
      return model::MetadataValue();
    case json::Kind::kArray: {
      std::optional<model::MetadataValue> array = ParseArray(value);
      if (!array) return wrong();
      return *std::move(array);
    }
    case json::Kind::kObject:
      if (!IsSparseVector(value)) return wrong();
      return model::MetadataValue();
  }
  return wrong();
}

std::optional<std::string> WhyBad(std::string_view key) {
  if (key.empty()) return "Metadata key cannot be empty";
  if (key.front() == '#' || key.front() == '$') {
    return "Metadata key cannot start with '#' or '$': " + std::string(key);
  }
  return std::nullopt;
}

// Appends; of equal keys the last counts.
class Collector {
 public:
  explicit Collector(model::Metadata* out) : out_(out) {}

  void Put(std::string_view key, model::MetadataValue value) {
    if (model::MetadataValue* known = Known(key)) {
      *known = std::move(value);
      return;
    }
    out_->emplace_back(key, std::move(value));
    if (out_->size() == kListMax) {
      for (size_t i = 0; i < kListMax; ++i) places_.emplace((*out_)[i].first, i);
    } else if (out_->size() > kListMax) {
      places_.emplace(key, out_->size() - 1);
    }
  }

 private:
  static constexpr size_t kListMax = 16;  // up to here looking through the list is faster

  model::MetadataValue* Known(std::string_view key) {
    if (out_->size() >= kListMax) {
      const auto place = places_.find(std::string(key));
      return place == places_.end() ? nullptr : &(*out_)[place->second].second;
    }
    for (auto& [name, value] : *out_) {
      if (name == key) return &value;
    }
    return nullptr;
  }

  model::Metadata* const out_;
  std::unordered_map<std::string, size_t> places_;
};

struct BytesOf {
  size_t operator()(const std::string& text) const { return text.size() + 2; }
  size_t operator()(const std::vector<std::string>& texts) const {
    size_t bytes = 2;
    for (const std::string& text : texts) bytes += text.size() + 3;
    return bytes;
  }
  template <typename T>
  size_t operator()(const std::vector<T>& elements) const {
    return 2 + 8 * elements.size();
  }
  template <typename T>
  size_t operator()(const T&) const {
    return 8;
  }
};

}  // namespace

Result<ParsedMetadata> ParseMetadata(const json::Value& value, Nulls nulls, std::string_view path) {
  if (!value.is_object()) return WrongType(path, "a map");
  ParsedMetadata parsed;
  Collector collector(&parsed.values);
  Status status;
  value.ForEachMember([&](std::string_view key, json::Value member) {
    Result<model::MetadataValue> read = ParseValue(member, nulls, path, key);
    if (!read.ok()) {
      status = std::move(read).error();
      return false;
    }
    if (!parsed.bad_key) parsed.bad_key = WhyBad(key);
    parsed.has_array = parsed.has_array || member.is_array();
    if (member.is_object() && !parsed.sparse) parsed.sparse = key;
    // Empty arrays and sparse vectors have no value to keep. To an update an empty array is a new
    // value that is nothing, which deletes the key as null does.
    const bool deletes = nulls == Nulls::kDelete && !member.is_object();
    const bool left_out = std::holds_alternative<std::monostate>(read.value()) && !deletes;
    if (!left_out) collector.Put(key, std::move(read).value());
    return true;
  });
  TRY(std::move(status));
  return parsed;
}

Error SparseUnsupported(std::string_view key) {
  return Unimplemented("Unimplemented: Sparse vector is not supported for local chroma: " +
                       std::string(key));
}

Status CheckMetadataSize(const model::Metadata& metadata, const ApiLimits& limits) {
  if (metadata.size() > limits.metadata_keys) {
    return InvalidArgument("Metadata has " + std::to_string(metadata.size()) +
                           " keys; this server allows " + std::to_string(limits.metadata_keys));
  }
  size_t bytes = 0;
  for (const auto& [key, value] : metadata) bytes += key.size() + 4 + std::visit(BytesOf(), value);
  if (bytes > limits.metadata_bytes) {
    return InvalidArgument("Metadata has about " + std::to_string(bytes) +
                           " bytes; this server allows " + std::to_string(limits.metadata_bytes));
  }
  return {};
}

Result<model::Metadata> ParseCollectionMetadata(const json::Value& value, Nulls nulls,
                                                std::string_view field, const ApiLimits& limits) {
  ParsedMetadata parsed = TRY(ParseMetadata(value, nulls, field));
  const auto refuse = [&](const std::string& why) {
    return InvalidArgument("Validation error: " + std::string(field) + ": " + why);
  };
  if (parsed.has_array || parsed.sparse) {
    return refuse("Metadata of a collection cannot hold arrays or sparse vectors");
  }
  if (parsed.bad_key) return refuse(*parsed.bad_key);
  if (value.size() == 0) return refuse("Metadata cannot be empty");
  TRY(CheckMetadataSize(parsed.values, limits));
  return std::move(parsed.values);
}

}  // namespace pannier::api

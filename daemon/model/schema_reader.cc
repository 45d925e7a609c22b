#include "daemon/model/schema_reader.h"

#include <array>
#include <nlohmann/json.hpp>
#include <string>

#include "daemon/model/embedding_function.h"
#include "daemon/model/hnsw_settings.h"

namespace pannier::model {
namespace {

using Tree = nlohmann::json;

// An index that a value type may have, and how its `config` is read.
using ReadConfig = Result<Tree> (*)(const Tree& config, const std::string& path);
struct IndexKind {
  const char* type;
  const char* index;
  ReadConfig read;
};

Result<Tree> ReadEmptyConfig(const Tree& config, const std::string& path) {
  for (const auto& [key, value] : config.items()) {
    return Malformed(path + ": unknown field `" + key + "`, there are no fields");
  }
  return Tree::object();
}

Status ReadSourceKey(const Tree& value, const std::string& path, Tree* out) {
  if (value.is_null()) return {};
  if (!value.is_string()) return Malformed(path + ": expected a string");
  (*out)["source_key"] = value;
  return {};
}

Status ReadFunction(const Tree& value, const std::string& path, Tree* out) {
  Tree function = TRY(ReadEmbeddingFunction(value, path));
  if (!function.is_null()) (*out)["embedding_function"] = std::move(function);
  return {};
}

Result<Tree> ReadVectorConfig(const Tree& config, const std::string& path) {
  Tree out = Tree::object();
  for (const auto& [key, value] : config.items()) {
    const std::string where = path + "." + key;
    if (key == "space") {
      if (!value.is_null()) out["space"] = SpaceName(TRY(ReadSpace(value, where)));
    } else if (key == "embedding_function") {
      TRY(ReadFunction(value, where, &out));
    } else if (key == "source_key") {
      TRY(ReadSourceKey(value, where, &out));
    } else if (key == "hnsw") {
      if (value.is_null()) continue;
      HnswSettings ignored;
      TRY(ReadHnsw(value, HnswPlace::kSchema, where, &ignored));
      out["hnsw"] = value;
    } else if (key == "spann") {  // of the distributed product: read over
      if (!value.is_null() && !value.is_object()) return Malformed(where + ": expected an object");
    } else {
      return Malformed(path + ": unknown field `" + key + "`");
    }
  }
  return out;
}

Result<Tree> ReadSparseConfig(const Tree& config, const std::string& path) {
  Tree out = Tree::object();
  for (const auto& [key, value] : config.items()) {
    const std::string where = path + "." + key;
    if (key == "embedding_function") {
      TRY(ReadFunction(value, where, &out));
    } else if (key == "source_key") {
      TRY(ReadSourceKey(value, where, &out));
    } else if (key == "bm25") {
      if (!value.is_null() && !value.is_boolean()) return Malformed(where + ": expected a boolean");
      if (!value.is_null()) out["bm25"] = value;
    } else if (key == "algorithm") {  // of the distributed product: read over
      if (!value.is_null() && !value.is_string()) return Malformed(where + ": expected a string");
    } else {
      return Malformed(path + ": unknown field `" + key + "`");
    }
  }
  return out;
}

constexpr std::array<IndexKind, 7> kIndexKinds = {{
    {"string", "fts_index", ReadEmptyConfig},
    {"string", "string_inverted_index", ReadEmptyConfig},
    {"float_list", "vector_index", ReadVectorConfig},
    {"sparse_vector", "sparse_vector_index", ReadSparseConfig},
    {"int", "int_inverted_index", ReadEmptyConfig},
    {"float", "float_inverted_index", ReadEmptyConfig},
    {"bool", "bool_inverted_index", ReadEmptyConfig},
}};

Result<Tree> ReadIndex(const Tree& given, ReadConfig read, const std::string& path) {
  if (!given.is_object()) return Malformed(path + ": expected an object");
  const auto enabled = given.find("enabled");
  const auto config = given.find("config");
  if (enabled == given.end()) return Malformed(path + ": missing field `enabled`");
  if (!enabled->is_boolean()) return Malformed(path + ".enabled: expected a boolean");
  if (config == given.end()) return Malformed(path + ": missing field `config`");
  if (!config->is_object()) return Malformed(path + ".config: expected an object");
  Tree read_config = TRY(read(*config, path + ".config"));
  return Tree{{"enabled", *enabled}, {"config", std::move(read_config)}};
}

Result<Tree> ReadValueTypes(const Tree& given, const std::string& path) {
  if (!given.is_object()) return Malformed(path + ": expected an object");
  Tree out = Tree::object();
  for (const IndexKind& kind : kIndexKinds) {
    const auto type = given.find(kind.type);
    if (type == given.end() || type->is_null()) continue;
    const std::string where = path + "." + kind.type;
    if (!type->is_object()) return Malformed(where + ": expected an object");
    Tree& read = out[kind.type];
    if (read.is_null()) read = Tree::object();
    const auto index = type->find(kind.index);
    if (index == type->end() || index->is_null()) continue;
    read[kind.index] = TRY(ReadIndex(*index, kind.read, where + "." + kind.index));
  }
  return out;
}

Result<Tree> ReadKeys(const Tree& given) {
  const bool both = given.contains("keys") && given.contains("key_overrides");
  if (both) return Malformed("schema: duplicate field `keys`");
  const auto keys = given.contains("keys") ? given.find("keys") : given.find("key_overrides");
  if (keys == given.end()) return Malformed("schema: missing field `keys`");
  if (!keys->is_object()) return Malformed("schema.keys: expected an object");
  Tree out = Tree::object();
  for (const auto& [key, value] : keys->items()) {
    out[key] = TRY(ReadValueTypes(value, "schema.keys." + key));
  }
  return out;
}

Result<Tree> ReadCmek(const Tree& given) {
  if (!given.is_object() || given.size() != 1 || !given.contains("gcp") ||
      !given["gcp"].is_string()) {
    return Malformed("schema.cmek: expected {\"gcp\": string}");
  }
  return given;
}

// --- rules ---

Error Broken(const std::string& text) {
  return InvalidArgument("Validation error: schema: " + text);
}

bool Enabled(const Tree& types, const char* type, const char* index) {
  const auto found = types.find(type);
  return found != types.end() && found->contains(index) && (*found)[index]["enabled"] == true;
}

const Tree* ConfigOf(const Tree& types, const char* type, const char* index) {
  const auto found = types.find(type);
  if (found == types.end() || !found->contains(index)) return nullptr;
  return &(*found)[index]["config"];
}

Status ValidateDefaults(const Tree& defaults) {
  if (Enabled(defaults, "float_list", "vector_index")) {
    return Broken(
        "Vector index cannot be enabled by default. It can only be enabled on #embedding field.");
  }
  if (Enabled(defaults, "string", "fts_index")) {
    return Broken(
        "Full text search / regular expression index cannot be enabled by default. It can only be "
        "enabled on #document field.");
  }
  if (Enabled(defaults, "sparse_vector", "sparse_vector_index")) {
    return Broken(
        "Sparse vector index cannot be enabled by default. Please enable sparse vector index on "
        "specific keys. At most one sparse vector index is allowed for the collection.");
  }
  return {};
}

Status ValidateSpecialKey(const std::string& key, const Tree& types) {
  const bool is_document = key == "#document";
  const char* const only = is_document ? "string" : "float_list";
  for (const auto& [type, value] : types.items()) {
    if (type == only) continue;
    return Broken((is_document ? "Document" : "Embedding") +
                  std::string(" field cannot have any value types other than ") + only + ": " +
                  key);
  }
  if (Enabled(types, "string", "string_inverted_index")) {
    return Broken("String inverted index can not be enabled on #document key: " + key);
  }
  return {};
}

Status ValidateSources(const Tree& types) {
  const Tree* const vector = ConfigOf(types, "float_list", "vector_index");
  if (vector != nullptr && vector->value("source_key", "#document") != "#document") {
    return Broken("Vector index can only source from #document");
  }
  const Tree* const sparse = ConfigOf(types, "sparse_vector", "sparse_vector_index");
  if (sparse == nullptr || !sparse->contains("source_key")) return {};
  const std::string source = (*sparse)["source_key"];
  if (!sparse->contains("embedding_function")) {
    return Broken(
        "If source_key is provided then embedding_function must also be provided since there is "
        "no default embedding function.");
  }
  if (source.starts_with('#') && source != "#document") {
    return Broken(
        "source_key cannot begin with '#'. The only valid key starting with '#' is Key.DOCUMENT "
        "or '#document'.");
  }
  return {};
}

Status ValidateKey(const std::string& key, const Tree& types) {
  if (key == "#document" || key == "#embedding") {
    TRY(ValidateSpecialKey(key, types));
  } else if (key.starts_with('#')) {
    return Broken(
        "key cannot begin with '#'. Keys starting with '#' are reserved for system use: " + key);
  } else if (Enabled(types, "float_list", "vector_index")) {
    return Broken("Vector index can only be enabled on #embedding field: " + key);
  } else if (Enabled(types, "string", "fts_index")) {
    return Broken(
        "Full text search / regular expression index can only be enabled on #document field: " +
        key);
  }
  return ValidateSources(types);
}

// projects/…/locations/…/keyRings/…/cryptoKeys/…
bool IsGcpKeyName(std::string_view name) {
  for (const std::string_view part : {"projects/", "/locations/", "/keyRings/", "/cryptoKeys/"}) {
    const size_t at = name.find(part);
    if (at == std::string_view::npos || (at == 0) != (part.front() != '/')) return false;
    name.remove_prefix(at + part.size());
  }
  return !name.empty();
}

}  // namespace

Result<Tree> ReadSchema(const Tree& given) {
  if (!given.is_object()) return Malformed("schema: expected an object");
  const auto defaults = given.find("defaults");
  if (defaults == given.end()) return Malformed("schema: missing field `defaults`");
  Tree out = Tree::object();
  out["defaults"] = TRY(ReadValueTypes(*defaults, "schema.defaults"));
  out["keys"] = TRY(ReadKeys(given));
  const auto cmek = given.find("cmek");
  if (cmek != given.end() && !cmek->is_null()) out["cmek"] = TRY(ReadCmek(*cmek));
  const auto source = given.find("source_attached_function_id");
  if (source != given.end() && !source->is_null()) out["source_attached_function_id"] = *source;
  return out;
}

Status ValidateSchema(const Tree& schema) {
  if (schema.contains("source_attached_function_id")) {
    return Broken("Cannot set source_attached_function_id. This field is reserved for system use.");
  }
  TRY(ValidateDefaults(schema["defaults"]));
  for (const auto& [key, types] : schema["keys"].items()) TRY(ValidateKey(key, types));
  if (schema.contains("cmek")) {
    const std::string name = schema["cmek"]["gcp"];
    if (!IsGcpKeyName(name)) {
      return Broken("CMEK does not match expected pattern: Gcp(\"" + name + "\")");
    }
  }
  for (const auto& [key, types] : schema["keys"].items()) {
    if (Enabled(types, "sparse_vector", "sparse_vector_index")) {
      return InvalidArgument(
          "Failed to reconcile schema: Invalid schema input: Sparse vector indexing is not enabled "
          "in local");
    }
  }
  return {};
}

}  // namespace pannier::model

#include "daemon/model/schema.h"

#include <string>

namespace pannier::model {
namespace {

using Tree = nlohmann::json;

constexpr const char* kEmbeddingKey = "#embedding";

Tree Switch(bool enabled, Tree config = Tree::object()) {
  return {{"enabled", enabled}, {"config", std::move(config)}};
}

Tree& VectorConfig(Tree& types) { return types["float_list"]["vector_index"]["config"]; }

void SetVectorConfig(const VectorSettings& vectors, Tree* config) {
  (*config)["space"] = SpaceName(vectors.hnsw.space);
  (*config)["hnsw"] = HnswOfSchema(vectors.hnsw);
  if (vectors.embedding_function.is_null()) {
    config->erase("embedding_function");
  } else {
    (*config)["embedding_function"] = vectors.embedding_function;
  }
}

// Lays what one value-types object says over a complete one.
void Overlay(const Tree& given, Tree* types) {
  for (const auto& [type, indexes] : given.items()) {
    for (const auto& [index, said] : indexes.items()) {
      Tree& current = (*types)[type][index];
      current["enabled"] = said["enabled"];
      for (const auto& [key, value] : said["config"].items()) {
        if (key != "hnsw") current["config"][key] = value;
      }
      if (!said["config"].contains("hnsw")) continue;
      for (const auto& [key, value] : said["config"]["hnsw"].items()) {
        if (!value.is_null()) current["config"]["hnsw"][key] = value;
      }
      Tree& resize = current["config"]["hnsw"]["resize_factor"];
      resize = resize.get<double>();  // so that it shows as the float it is
    }
  }
}

}  // namespace

Tree MakeSchema(const VectorSettings& vectors) {
  Tree schema = {
      {"defaults",
       {{"string", {{"fts_index", Switch(false)}, {"string_inverted_index", Switch(true)}}},
        {"float_list", {{"vector_index", Switch(false)}}},
        {"sparse_vector",
         {{"sparse_vector_index",
           Switch(false, {{"embedding_function", {{"type", "unknown"}}}, {"bm25", false}})}}},
        {"int", {{"int_inverted_index", Switch(true)}}},
        {"float", {{"float_inverted_index", Switch(true)}}},
        {"bool", {{"bool_inverted_index", Switch(true)}}}}},
      {"keys",
       {{kEmbeddingKey,
         {{"float_list", {{"vector_index", Switch(true, {{"source_key", "#document"}})}}}}},
        {"#document",
         {{"string", {{"fts_index", Switch(true)}, {"string_inverted_index", Switch(false)}}}}}}}};
  SetVectors(vectors, &schema);
  return schema;
}

void SetVectors(const VectorSettings& vectors, Tree* schema) {
  SetVectorConfig(vectors, &VectorConfig((*schema)["defaults"]));
  SetVectorConfig(vectors, &VectorConfig((*schema)["keys"][kEmbeddingKey]));
}

Result<Tree> CompleteSchema(const Tree& read) {
  Tree schema = MakeSchema({});
  Overlay(read["defaults"], &schema["defaults"]);
  for (const auto& [key, types] : read["keys"].items()) {
    if (key.starts_with('#')) {
      Overlay(types, &schema["keys"][key]);
    } else {
      schema["keys"][key] = types;
    }
  }
  if (read.contains("cmek")) schema["cmek"] = read["cmek"];
  const VectorSettings vectors = TRY(VectorsOf(schema));
  if (vectors.hnsw.batch_size < 2 || vectors.hnsw.sync_threshold < 2) {
    return InvalidArgument(
        "Failed to reconcile schema: Invalid HNSW configuration: batch_size and sync_threshold "
        "must be at least 2");
  }
  return schema;
}

Result<VectorSettings> VectorsOf(const Tree& schema) {
  const Tree::json_pointer place("/keys/#embedding/float_list/vector_index/config");
  if (!schema.contains(place)) return Corruption("a schema has no index for #embedding");
  const Tree& config = schema[place];
  VectorSettings vectors;
  const auto space = config.find("space");
  const auto hnsw = config.find("hnsw");
  if (space != config.end()) vectors.hnsw.space = TRY(ReadSpace(*space, "space"));
  if (hnsw != config.end()) TRY(ReadHnsw(*hnsw, HnswPlace::kSchema, "hnsw", &vectors.hnsw));
  vectors.embedding_function = config.value("embedding_function", Tree());
  return vectors;
}

}  // namespace pannier::model

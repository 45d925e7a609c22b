#include "daemon/model/configuration.h"

#include <array>
#include <nlohmann/json.hpp>

#include "daemon/model/embedding_function.h"
#include "daemon/model/legacy_metadata.h"
#include "daemon/model/schema.h"
#include "daemon/model/schema_reader.h"
#include "lib/json/cold.h"

namespace pannier::model {
namespace {

using Tree = nlohmann::json;

// The parts of a `configuration` or `new_configuration`; JSON null where absent.
struct Parts {
  Tree hnsw, spann, embedding_function;
};

Tree PartOf(const Tree& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? Tree() : *found;
}

Result<Parts> ReadParts(const Tree* given, const std::string& path) {
  if (given == nullptr || given->is_null()) return Parts{};
  if (!given->is_object()) return Malformed(path + ": expected an object");
  Parts parts{PartOf(*given, "hnsw"), PartOf(*given, "spann"), {}};
  parts.embedding_function = TRY(
      ReadEmbeddingFunction(PartOf(*given, "embedding_function"), path + ".embedding_function"));
  return parts;
}

constexpr std::array<const char*, 9> kSpannKeys = {"search_nprobe",
                                                   "ef_search",
                                                   "space",
                                                   "write_nprobe",
                                                   "ef_construction",
                                                   "max_neighbors",
                                                   "reassign_neighbor_count",
                                                   "split_threshold",
                                                   "merge_threshold"};
constexpr size_t kSpannKeysThatMayChange = 2;  // the first ones

// Reads over an index of the distributed product; only its space is of use here.
Status ReadSpann(const Tree& spann, size_t keys, const std::string& path, Space* space) {
  if (spann.is_null()) return {};
  if (!spann.is_object()) return Malformed(path + ": expected an object");
  for (const auto& [key, value] : spann.items()) {
    size_t at = 0;
    while (at < keys && key != kSpannKeys[at]) ++at;
    if (at == keys) return Malformed(path + ": unknown field `" + key + "`");
    if (value.is_null()) continue;
    if (key == "space") {
      *space = TRY(ReadSpace(value, path + ".space"));
    } else if (!value.is_number_unsigned() &&
               !(value.is_number_integer() && value.get<int64_t>() >= 0)) {
      return Malformed(path + "." + key + ": expected an integer that is not negative");
    }
  }
  return {};
}

Status RefuseTwoIndexes(const Parts& parts) {
  if (parts.hnsw.is_null() || parts.spann.is_null()) return {};
  return InvalidArgument("Multiple vector index configurations provided");
}

IndexDescription Describe(const VectorSettings& vectors, const Tree& schema) {
  const Tree configuration = {{"hnsw", HnswOfConfiguration(vectors.hnsw)},
                              {"spann", nullptr},
                              {"embedding_function", vectors.embedding_function}};
  return {ToParameters(vectors.hnsw), json::Dump(configuration), json::Dump(schema)};
}

// The vector settings that configuration and legacy metadata come to.
Result<VectorSettings> ReadConfiguration(const Tree* configuration, const Metadata* metadata) {
  const Parts parts = TRY(ReadParts(configuration, "configuration"));
  VectorSettings vectors;
  vectors.embedding_function = parts.embedding_function;
  if (!parts.hnsw.is_null()) {
    TRY(ReadHnsw(parts.hnsw, HnswPlace::kConfiguration, "configuration.hnsw", &vectors.hnsw));
  }
  TRY(ReadSpann(parts.spann, kSpannKeys.size(), "configuration.spann", &vectors.hnsw.space));
  TRY(RefuseTwoIndexes(parts));
  if (metadata == nullptr) return vectors;
  const HnswSettings legacy = TRY(ReadLegacyMetadata(*metadata));
  // A given configuration wins, unless it says nothing new.
  if (parts.spann.is_null() && vectors.hnsw == HnswSettings()) vectors.hnsw = legacy;
  return vectors;
}

bool IsDefault(const VectorSettings& vectors) {
  return vectors.hnsw == HnswSettings() && IsDefaultEmbeddingFunction(vectors.embedding_function);
}

// A client that names no embedding function writes its default one down; that says nothing new
// either.
bool IsDefaultSchema(Tree complete) {
  for (const char* place : {"/defaults/float_list/vector_index/config",
                            "/keys/#embedding/float_list/vector_index/config"}) {
    Tree& config = complete[Tree::json_pointer(place)];
    const auto function = config.find("embedding_function");
    if (function != config.end() && IsDefaultEmbeddingFunction(*function)) config.erase(function);
  }
  return complete == MakeSchema({});
}

}  // namespace

Result<IndexDescription> DescribeIndex(const Tree* configuration, const Tree* schema,
                                       const Metadata* metadata) {
  const bool has_schema = schema != nullptr && !schema->is_null();
  const Tree read = has_schema ? TRY(ReadSchema(*schema)) : Tree();
  const VectorSettings vectors = TRY(ReadConfiguration(configuration, metadata));
  if (has_schema) {
    TRY(ValidateSchema(read));
    const Tree complete = TRY(CompleteSchema(read));
    if (!IsDefaultSchema(complete)) {
      if (!IsDefault(vectors)) {
        return InvalidArgument(
            "Failed to reconcile schema: Cannot set both collection config and schema "
            "simultaneously");
      }
      return Describe(TRY(VectorsOf(complete)), complete);
    }
  }
  return Describe(vectors, MakeSchema(vectors));
}

Result<IndexDescription> UpdateIndex(const IndexDescription& current,
                                     const Tree& new_configuration) {
  const Parts parts = TRY(ReadParts(&new_configuration, "new_configuration"));
  Result<Tree> schema = json::ParseOwn(current.schema);
  if (!schema.ok()) return Corruption("the stored schema is not JSON: " + schema.error().what);
  VectorSettings vectors = TRY(VectorsOf(*schema));
  if (!parts.hnsw.is_null()) {
    TRY(ReadHnsw(parts.hnsw, HnswPlace::kUpdatedConfiguration, "new_configuration.hnsw",
                 &vectors.hnsw));
  }
  Space ignored = Space::kL2;
  TRY(ReadSpann(parts.spann, kSpannKeysThatMayChange, "new_configuration.spann", &ignored));
  TRY(RefuseTwoIndexes(parts));
  if (!parts.embedding_function.is_null()) vectors.embedding_function = parts.embedding_function;
  SetVectors(vectors, &*schema);
  return Describe(vectors, *schema);
}

}  // namespace pannier::model

#include "daemon/rescue/sql_catalog.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>
#include <utility>

#include "daemon/model/embedding_function.h"
#include "daemon/rescue/chroma_metadata.h"
#include "lib/json/cold.h"
#include "lib/json/writer.h"

namespace pannier::rescue {
namespace {

using nlohmann::json;
using store::Connection;
using store::Statement;

constexpr const char* kDefaultTenant = "default_tenant";
constexpr const char* kDefaultDatabase = "default_database";
constexpr int64_t kDimensionMax = 1 << 20;

// --- what the index of a collection is ---

// The index parameters inside a configuration of any 1.x version, or null.
json HnswInside(const json& configuration) {
  for (const char* place : {"/hnsw", "/vector_index/hnsw", "/hnsw_configuration"}) {
    const json::json_pointer pointer(place);
    if (configuration.contains(pointer) && configuration[pointer].is_object())
      return configuration[pointer];
  }
  return nullptr;
}

// As today's requests have it; what they do not know is left out.
json Configuration(const json& stored) {
  static const std::set<std::string> kKnown = {"space",          "ef_construction", "ef_search",
                                               "max_neighbors",  "num_threads",     "batch_size",
                                               "sync_threshold", "resize_factor",   "M"};
  json configuration = json::object();
  if (!stored.is_object()) return configuration;
  json hnsw = HnswInside(stored);
  if (hnsw.is_object()) {
    json kept = json::object();
    for (const auto& [key, value] : hnsw.items()) {
      if (kKnown.count(key) > 0) kept[key == "M" ? "max_neighbors" : key] = value;
    }
    configuration["hnsw"] = std::move(kept);
  }
  if (stored.contains("embedding_function"))
    configuration["embedding_function"] = stored["embedding_function"];
  return configuration;
}

// A default embedding function counts as said by nobody, so a schema drops it unless it is told
// beside.
json DefaultFunctionOf(const json& schema) {
  const json::json_pointer place(
      "/keys/#embedding/float_list/vector_index/config/embedding_function");
  if (!schema.contains(place) || !model::IsDefaultEmbeddingFunction(schema[place])) return nullptr;
  return {{"embedding_function", schema[place]}};
}

Result<json> ParseIfThere(const std::optional<std::string>& text) {
  if (!text || text->empty()) return json();
  return pannier::json::ParseCold(*text);
}

model::IndexDescription IndexOf(const std::optional<std::string>& configuration_text,
                                const std::optional<std::string>& schema_text,
                                ChromaCollection* collection) {
  const Result<json> schema = ParseIfThere(schema_text);
  if (schema.ok() && schema->is_object()) {
    const json function = DefaultFunctionOf(*schema);
    auto described = model::DescribeIndex(&function, &*schema, nullptr);
    if (described.ok()) return std::move(described).value();
    collection->messages.push_back("its schema is not used: " + described.error().what);
  } else if (!schema.ok()) {
    collection->messages.push_back("its schema is unreadable: " + schema.error().what);
  }
  const Result<json> stored = ParseIfThere(configuration_text);
  const json configuration = stored.ok() ? Configuration(*stored) : json::object();
  auto described = model::DescribeIndex(&configuration, nullptr, &collection->metadata);
  if (described.ok()) return std::move(described).value();
  collection->messages.push_back("its configuration is not used: " + described.error().what);
  return model::DescribeIndex(nullptr, nullptr, nullptr).value();
}

// --- rows ---

class CatalogReader {
 public:
  CatalogReader(Connection& connection, bool repaired, std::vector<std::string>* messages)
      : connection_(connection), repaired_(repaired), messages_(messages) {}

  Result<std::vector<ChromaDatabase>> Read() {
    TRY(ReadDatabases());
    TRY(ReadCollections());
    if (repaired_) TRY(AddForgottenCollections());
    std::vector<ChromaDatabase> list;
    for (auto& [id, database] : databases_) list.push_back(std::move(database));
    std::sort(list.begin(), list.end(), [](const ChromaDatabase& a, const ChromaDatabase& b) {
      return std::tie(a.tenant, a.name) < std::tie(b.tenant, b.name);
    });
    return list;
  }

 private:
  Status ReadDatabases() {
    Statement rows =
        TRY(connection_.Prepare("SELECT id, name, tenant_id FROM databases ORDER BY rowid"));
    while (TRY(rows.Step())) {
      ChromaDatabase database;
      database.name = std::string(rows.Text(1));
      database.tenant = std::string(rows.Text(2));
      if (database.name.empty() || !pannier::json::IsUtf8(database.name)) continue;
      if (database.tenant.empty() || !pannier::json::IsUtf8(database.tenant))
        database.tenant = kDefaultTenant;
      databases_.emplace(std::string(rows.Text(0)), std::move(database));
    }
    return {};
  }

  Status ReadCollections() {
    Statement rows =
        TRY(connection_.Prepare("SELECT id, name, dimension, database_id, config_json_str, " +
                                std::string(TRY(HasSchemas()) ? "schema_str" : "NULL") +
                                " FROM collections ORDER BY name, id"));
    while (TRY(rows.Step())) {
      ChromaCollection collection;
      collection.id = std::string(rows.Text(0));
      collection.name = std::string(rows.Text(1));
      if (!rows.IsNull(2) && rows.Int(2) > 0 && rows.Int(2) <= kDimensionMax)
        collection.dimension = static_cast<uint32_t>(rows.Int(2));
      const std::string database(rows.Text(3));
      TRY(ReadMetadata(&collection));
      collection.index = IndexOf(TextOf(rows, 4), TextOf(rows, 5), &collection);
      TRY(ReadSegments(&collection));
      DatabaseOf(database).collections.push_back(std::move(collection));
    }
    return {};
  }

  // Those that only their segments still know.
  Status AddForgottenCollections() {
    Statement rows = TRY(connection_.Prepare(
        "SELECT DISTINCT collection FROM segments WHERE collection IS NOT NULL AND collection NOT "
        "IN (SELECT id FROM collections WHERE id IS NOT NULL) ORDER BY collection"));
    while (TRY(rows.Step())) {
      ChromaCollection collection;
      collection.id = std::string(rows.Text(0));
      collection.messages.emplace_back("its name, metadata and configuration are lost");
      TRY(ReadMetadata(&collection));
      collection.index = IndexOf(std::nullopt, std::nullopt, &collection);
      TRY(ReadSegments(&collection));
      DatabaseOf("").collections.push_back(std::move(collection));
    }
    return {};
  }

  Result<bool> HasSchemas() {
    return TRY(connection_.QueryInt("SELECT count(*) FROM pragma_table_info('collections') WHERE "
                                    "name = 'schema_str'")) > 0;
  }

  static std::optional<std::string> TextOf(const Statement& row, int column) {
    const auto text = row.OptionalText(column);
    return text ? std::optional<std::string>(*text) : std::nullopt;
  }

  Status ReadMetadata(ChromaCollection* collection) {
    Statement rows = TRY(connection_.Prepare(
        "SELECT key, str_value, int_value, float_value, bool_value FROM collection_metadata WHERE "
        "collection_id = ? ORDER BY rowid"));
    rows.Bind(1, std::string_view(collection->id));
    Attributes attributes;
    while (TRY(rows.Step())) AddScalar(rows, &attributes);
    if (attributes.damaged) collection->messages.emplace_back("a part of its metadata is lost");
    collection->metadata = std::move(attributes.metadata);
    return {};
  }

  Status ReadSegments(ChromaCollection* collection) {
    Statement rows = TRY(connection_.Prepare(
        "SELECT s.id, s.scope, m.seq_id FROM segments s LEFT JOIN max_seq_id m ON m.segment_id = "
        "s.id WHERE s.collection = ?"));
    rows.Bind(1, std::string_view(collection->id));
    while (TRY(rows.Step())) {
      const bool vectors = rows.Text(1) == "VECTOR";
      if (!vectors && rows.Text(1) != "METADATA") continue;
      (vectors ? collection->vector_segment : collection->metadata_segment) =
          std::string(rows.Text(0));
      (vectors ? collection->vectors_until : collection->metadata_until) = SequenceOf(rows, 2);
    }
    return {};
  }

  ChromaDatabase& DatabaseOf(const std::string& id) {
    const auto found = databases_.find(id);
    if (found != databases_.end()) return found->second;
    for (auto& [known, database] : databases_) {
      if (database.tenant == kDefaultTenant && database.name == kDefaultDatabase) return database;
    }
    messages_->push_back("database " + id + " is lost; its collections come to " +
                         std::string(kDefaultDatabase));
    return databases_.emplace("", ChromaDatabase{kDefaultTenant, kDefaultDatabase, {}})
        .first->second;
  }

  Connection& connection_;
  const bool repaired_;
  std::vector<std::string>* const messages_;
  std::map<std::string, ChromaDatabase> databases_;  // by id
};

}  // namespace

Result<std::vector<ChromaDatabase>> ReadCatalog(Connection& connection, bool repaired,
                                                std::vector<std::string>* messages) {
  return CatalogReader(connection, repaired, messages).Read();
}

std::optional<int64_t> SequenceOf(const Statement& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  const std::span<const std::byte> bytes = row.Blob(column);
  const bool big_endian = bytes.size() == 8 && bytes[0] == std::byte{0};
  if (!big_endian) return row.Int(column);
  int64_t number = 0;
  for (const std::byte b : bytes) number = number << 8 | std::to_integer<int64_t>(b);
  return number;
}

}  // namespace pannier::rescue

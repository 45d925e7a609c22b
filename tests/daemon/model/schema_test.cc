// Goal: schemas are completed, refused, grown and applied to filters as Chroma does (each row was
// checked against its server).
#include <catch2/catch.hpp>

#include "daemon/model/configuration.h"
#include "lib/json/cold.h"

using namespace pannier;
using namespace pannier::model;
using Tree = nlohmann::json;

namespace {

Tree Parse(const std::string& text) { return json::ParseCold(text).value(); }

Result<IndexDescription> Create(const std::string& schema,
                                const std::string& configuration = "null",
                                const Metadata& metadata = {}) {
  const Tree schema_tree = Parse(schema), tree = Parse(configuration);
  return DescribeIndex(&tree, &schema_tree, metadata.empty() ? nullptr : &metadata);
}

Tree SchemaOf(const std::string& schema) { return Parse(Create(schema).value().schema); }
Tree DefaultSchema() { return SchemaOf("null"); }

std::string WithKeys(const std::string& keys) { return R"({"defaults":{},"keys":)" + keys + "}"; }
std::string WithDefaults(const std::string& defaults) {
  return R"({"keys":{},"defaults":)" + defaults + "}";
}

Filter Eq(const std::string& key, Scalar operand) {
  Filter filter;
  filter.op = FilterOp::kEq;
  filter.key = key;
  filter.operand = std::move(operand);
  return filter;
}

Filter Text() {
  Filter filter;
  filter.op = FilterOp::kDocumentContains;
  return filter;
}

}  // namespace

TEST_CASE("schema: the default is Chroma's", "[daemon][model]") {
  Tree shown = DefaultSchema();
  for (Tree* types : {&shown["defaults"], &shown["keys"]["#embedding"]}) {
    (*types)["float_list"]["vector_index"]["config"]["hnsw"]["num_threads"] = 2;
  }
  const std::string hnsw =
      R"({"ef_construction":100,"max_neighbors":16,"ef_search":100,"num_threads":2,)"
      R"("batch_size":100,"sync_threshold":1000,"resize_factor":1.2})";
  REQUIRE(shown ==
          Parse(R"({"defaults":{"string":{"fts_index":{"enabled":false,"config":{}},)"
                R"("string_inverted_index":{"enabled":true,"config":{}}},)"
                R"("float_list":{"vector_index":{"enabled":false,"config":{"space":"l2","hnsw":)" +
                hnsw +
                R"(}}},"sparse_vector":{"sparse_vector_index":{"enabled":false,)"
                R"("config":{"embedding_function":{"type":"unknown"},"bm25":false}}},)"
                R"("int":{"int_inverted_index":{"enabled":true,"config":{}}},)"
                R"("float":{"float_inverted_index":{"enabled":true,"config":{}}},)"
                R"("bool":{"bool_inverted_index":{"enabled":true,"config":{}}}},)"
                R"("keys":{"#embedding":{"float_list":{"vector_index":{"enabled":true,)"
                R"("config":{"space":"l2","source_key":"#document","hnsw":)" +
                hnsw +
                R"(}}}},"#document":{"string":{"fts_index":{"enabled":true,"config":{}},)"
                R"("string_inverted_index":{"enabled":false,"config":{}}}}}})"));
}

TEST_CASE("schema: parts that say nothing new leave the default", "[daemon][model]") {
  for (
      const std::string& given :
      {std::string("null"), WithKeys("{}"), std::string(R"({"defaults":{},"key_overrides":{}})"),
       std::string(R"({"defaults":{},"keys":{},"cmek":null,"other":5})"),
       WithDefaults(R"({"string":{}})"), WithDefaults(R"({"string":null,"bogus":{}})"),
       WithDefaults(R"({"string":{"string_inverted_index":null}})"),
       WithDefaults(
           R"({"sparse_vector":{"sparse_vector_index":{"enabled":false,"config":{"bm25":null}}}})"),
       WithKeys(R"({"#embedding":{},"#document":{}})"),
       WithKeys(R"({"#embedding":{"float_list":{"vector_index":{"enabled":true,)"
                R"("config":{"hnsw":{},"spann":{"search_nprobe":3}}}}}})"),
       json::Dump(DefaultSchema())}) {
    CAPTURE(given);
    REQUIRE(SchemaOf(given) == DefaultSchema());
  }
}

TEST_CASE("schema: switches and parameters are laid over the default", "[daemon][model]") {
  Tree want = DefaultSchema();
  want["defaults"]["string"]["string_inverted_index"]["enabled"] = false;
  REQUIRE(SchemaOf(WithDefaults(
              R"({"string":{"string_inverted_index":{"enabled":false,"config":{},"z":1}}})")) ==
          want);

  want = DefaultSchema();
  want["keys"]["k"] = Parse(R"({"int":{"int_inverted_index":{"enabled":false,"config":{}}},)"
                            R"("bool":{}})");
  REQUIRE(SchemaOf(WithKeys(R"({"k":{"int":{"int_inverted_index":{"enabled":false,"config":{}}},)"
                            R"("bool":{},"float":null,"bogus":{}}})")) == want);
}

TEST_CASE("schema: vectors of #embedding become the configuration", "[daemon][model]") {
  const IndexDescription described =
      Create(WithKeys(R"({"#embedding":{"float_list":{"vector_index":{"enabled":true,"config":)"
                      R"({"space":"ip","hnsw":{"ef_search":5,"resize_factor":2},)"
                      R"("embedding_function":{"type":"legacy"}}}}}})"))
          .value();
  const Tree configuration = Parse(described.configuration);
  REQUIRE(configuration["hnsw"]["space"] == "ip");
  REQUIRE(configuration["hnsw"]["ef_search"] == 5);
  REQUIRE(configuration["embedding_function"] == Parse(R"({"type":"legacy"})"));
  REQUIRE(described.hnsw.space == Space::kIp);
  REQUIRE(described.hnsw.resize_factor == 2);
  REQUIRE(described.schema.find("\"resize_factor\":2.0") != std::string::npos);
  REQUIRE(Parse(described.schema)["defaults"] == DefaultSchema()["defaults"]);
}

TEST_CASE("schema: wrong shapes are malformed", "[daemon][model]") {
  for (const std::string& bad :
       {std::string("{}"),
        std::string("[]"),
        std::string("5"),
        std::string(R"({"defaults":{}})"),
        std::string(R"({"keys":{}})"),
        std::string(R"({"defaults":null,"keys":{}})"),
        std::string(R"({"defaults":{},"keys":null})"),
        std::string(R"({"defaults":{},"keys":{},"key_overrides":{}})"),
        WithKeys(R"({"k":null})"),
        WithKeys(R"({"k":5})"),
        WithDefaults(R"({"string":5})"),
        WithDefaults(R"({"string":{"string_inverted_index":{"enabled":false}}})"),
        WithDefaults(R"({"string":{"string_inverted_index":{"config":{}}}})"),
        WithDefaults(R"({"string":{"string_inverted_index":{"enabled":1,"config":{}}}})"),
        WithDefaults(R"({"string":{"string_inverted_index":{"enabled":true,"config":null}}})"),
        WithDefaults(R"({"string":{"string_inverted_index":{"enabled":true,"config":{"x":1}}}})"),
        WithDefaults(
            R"({"sparse_vector":{"sparse_vector_index":{"enabled":false,"config":{"x":1}}}})"),
        WithKeys(
            R"({"#embedding":{"float_list":{"vector_index":{"enabled":true,"config":{"x":1}}}}})"),
        WithKeys(R"({"#embedding":{"float_list":{"vector_index":{"enabled":true,)"
                 R"("config":{"hnsw":{"space":"l2"}}}}}})"),
        std::string(R"({"defaults":{},"keys":{},"cmek":{"type":"gcp"}})")}) {
    CAPTURE(bad);
    REQUIRE(Create(bad).Is(Errc::kMalformed));
  }
}

TEST_CASE("schema: switches in the wrong place are refused", "[daemon][model]") {
  const std::string on = R"({"enabled":true,"config":{}})";
  const std::vector<std::pair<std::string, std::string>> table = {
      {WithDefaults(R"({"float_list":{"vector_index":)" + on + "}}"), "Vector index"},
      {WithDefaults(R"({"string":{"fts_index":)" + on + "}}"), "Full text"},
      {WithDefaults(R"({"sparse_vector":{"sparse_vector_index":)" + on + "}}"), "Sparse"},
      {WithKeys(R"({"#foo":{}})"), "'#'"},
      {WithKeys(R"({"k":{"float_list":{"vector_index":)" + on + "}}}"), "#embedding field: k"},
      {WithKeys(R"({"k":{"string":{"fts_index":)" + on + "}}}"), "#document field: k"},
      {WithKeys(R"({"k":{"sparse_vector":{"sparse_vector_index":)" + on + "}}}"),
       "Failed to reconcile schema: Invalid schema input: Sparse vector indexing is not enabled in "
       "local"},
      {WithKeys(R"({"#embedding":{"int":{}}})"), "float_list: #embedding"},
      {WithKeys(R"({"#document":{"int":{}}})"), "string: #document"},
      {WithKeys(R"({"#document":{"string":{"string_inverted_index":)" + on + "}}}"),
       "can not be enabled on #document"},
      {WithKeys(R"({"#embedding":{"float_list":{"vector_index":{"enabled":true,)"
                R"("config":{"source_key":"x"}}}}})"),
       "can only source from #document"},
      {WithKeys(R"({"k":{"sparse_vector":{"sparse_vector_index":{"enabled":true,)"
                R"("config":{"source_key":"x"}}}}})"),
       "source_key"},
      {WithKeys(R"({"#embedding":{"float_list":{"vector_index":{"enabled":true,)"
                R"("config":{"hnsw":{"batch_size":1}}}}}})"),
       "Invalid HNSW configuration"},
      {R"({"defaults":{},"keys":{},"cmek":{"gcp":"p"}})", "CMEK"},
      {R"({"defaults":{},"keys":{},"source_attached_function_id":"x"})", "reserved"},
  };
  for (const auto& [given, text] : table) {
    CAPTURE(given);
    const auto refused = Create(given);
    REQUIRE(refused.Is(Errc::kInvalidArgument));
    CAPTURE(refused.error().what);
    REQUIRE(refused.error().what.find(text) != std::string::npos);
  }
  REQUIRE(SchemaOf(R"({"defaults":{},"keys":{},)"
                   R"("cmek":{"gcp":"projects/p/locations/l/keyRings/k/cryptoKeys/c"}})")
              .contains("cmek"));
}

TEST_CASE("schema: together with a configuration that says something it is refused",
          "[daemon][model]") {
  const std::string own = WithKeys(R"({"k":{"int":{}}})");
  for (const char* loud :
       {R"({"hnsw":{"space":"ip"}})", R"({"hnsw":{"num_threads":77}})",
        R"({"spann":{"space":"ip"}})", R"({"embedding_function":{"type":"legacy"}})",
        R"({"embedding_function":{"type":"known","name":"x","config":{}}})"}) {
    CAPTURE(loud);
    REQUIRE(Create(own, loud).error().what ==
            "Failed to reconcile schema: Cannot set both collection config and schema "
            "simultaneously");
    REQUIRE(Create(json::Dump(DefaultSchema()), loud).ok());
  }
  for (const char* quiet :
       {"null", R"({"hnsw":{}})", R"({"spann":{}})", R"({"embedding_function":{"type":"unknown"}})",
        R"({"embedding_function":{"type":"known","name":"default","config":{}}})"}) {
    CAPTURE(quiet);
    REQUIRE(Create(own, quiet).ok());
  }
  REQUIRE_FALSE(Create(own, "null", {{"hnsw:space", std::string("ip")}}).ok());
  REQUIRE(Create(own, "null", {{"hnsw:space", std::string("l2")}}).ok());
}

TEST_CASE("schema: grows by the keys and types that are written", "[daemon][model]") {
  const std::string schema = json::Dump(DefaultSchema());
  const Metadata written = {{"s", std::string("x")},          {"i", int64_t{1}},
                            {"af", std::vector<double>{1.5}}, {"ab", std::vector<bool>{true}},
                            {"n", std::monostate()},          {"chroma:x", int64_t{1}}};
  const std::set<KeyType> types = KeyTypes(written);
  REQUIRE(types ==
          std::set<KeyType>{{"s", "string"}, {"i", "int"}, {"af", "float"}, {"ab", "bool"}});
  const std::string grown = GrowSchema(schema, types).value();
  Tree want = DefaultSchema();
  for (const auto& [key, type] : types) {
    want["keys"][key][std::string(type)] = want["defaults"][std::string(type)];
  }
  REQUIRE(Parse(grown) == want);
  REQUIRE_FALSE(GrowSchema(grown, types).has_value());
  const std::string again = GrowSchema(grown, {{"s", "int"}}).value();
  REQUIRE(Parse(again)["keys"]["s"].size() == 2);
  REQUIRE_FALSE(GrowSchema("not JSON", types).has_value());
}

TEST_CASE("schema: a switch that is off refuses the filter of its type", "[daemon][model]") {
  const std::string schema =
      Create(R"({"defaults":{"string":{"string_inverted_index":{"enabled":false,"config":{}}}},)"
             R"("keys":{"m":{"int":{"int_inverted_index":{"enabled":false,"config":{}}}},"e":{},)"
             R"("on":{"string":{"string_inverted_index":{"enabled":true,"config":{}}}},)"
             R"("#document":{"string":{"fts_index":{"enabled":false,"config":{}}}}}})")
          .value()
          .schema;
  REQUIRE(CheckFilterAllowed(schema, Eq("m", int64_t{1})).error().what ==
          "Cannot filter using metadata key 'm' with type 'Int' because indexing is disabled");
  REQUIRE(CheckFilterAllowed(schema, Eq("m", 1.0)).ok());
  REQUIRE(CheckFilterAllowed(schema, Eq("m", true)).ok());
  REQUIRE(CheckFilterAllowed(schema, Eq("p", int64_t{1})).ok());
  REQUIRE(CheckFilterAllowed(schema, Eq("on", std::string("x"))).ok());
  for (const char* key : {"e", "unseen"}) {
    REQUIRE(CheckFilterAllowed(schema, Eq(key, std::string("x"))).error().what ==
            "Cannot filter using metadata key '" + std::string(key) +
                "' with type 'Str' because indexing is disabled");
  }
  REQUIRE(CheckFilterAllowed(schema, Text()).error().what ==
          "Cannot filter using full-text search because FTS indexing is disabled");
  Filter both;
  both.children = {Eq("p", int64_t{1}), Text()};
  REQUIRE(CheckFilterAllowed(schema, both).Is(Errc::kInvalidArgument));
  REQUIRE(CheckFilterAllowed(json::Dump(DefaultSchema()), both).ok());
  Filter list = Eq("m", false);
  list.op = FilterOp::kIn;
  list.operands = {int64_t{1}};
  REQUIRE_FALSE(CheckFilterAllowed(schema, list).ok());
}

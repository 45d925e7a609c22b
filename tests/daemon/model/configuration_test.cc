// Goal: configurations, legacy metadata and updates come to what Chroma makes of them (each row was
// checked against its server).
#include <catch2/catch.hpp>
#include <thread>

#include "daemon/model/configuration.h"
#include "lib/json/cold.h"

using namespace pannier;
using namespace pannier::model;
using Tree = nlohmann::json;

namespace {

Tree Parse(const std::string& text) { return json::ParseCold(text).value(); }

Result<IndexDescription> Create(const std::string& configuration, const Metadata& metadata = {},
                                const std::string& schema = "null") {
  const Tree tree = Parse(configuration), schema_tree = Parse(schema);
  return DescribeIndex(&tree, &schema_tree, metadata.empty() ? nullptr : &metadata);
}

Tree HnswShown(const Result<IndexDescription>& described) {
  return Parse(described.value().configuration)["hnsw"];
}

Tree SchemaVectors(const IndexDescription& described, const char* place = "#embedding") {
  const Tree schema = Parse(described.schema);
  const Tree& types = std::string(place) == "defaults" ? schema["defaults"] : schema["keys"][place];
  return types["float_list"]["vector_index"]["config"];
}

const char* const kDefaultHnsw =
    R"({"ef_construction":100,"ef_search":100,"max_neighbors":16,"resize_factor":1.2,"space":"l2","sync_threshold":1000})";

}  // namespace

TEST_CASE("configuration: nothing given shows Chroma's defaults", "[daemon][model]") {
  for (const char* given : {"null", "{}", R"({"hnsw":null,"spann":null,"embedding_function":null})",
                            R"({"hnsw":{}})", R"({"hnsw":{"space":null}})", R"({"other":1})",
                            R"({"spann":{}})", R"({"spann":{"ef_search":1000}})"}) {
    CAPTURE(given);
    const IndexDescription described = Create(given).value();
    const Tree shown = Parse(described.configuration);
    REQUIRE(shown == Tree{{"hnsw", Parse(kDefaultHnsw)},
                          {"spann", nullptr},
                          {"embedding_function", nullptr}});
    REQUIRE(SchemaVectors(described)["hnsw"]["num_threads"] == std::thread::hardware_concurrency());
    REQUIRE(described.hnsw.ef_search == 100);
  }
}

TEST_CASE("configuration: what is given is shown and used", "[daemon][model]") {
  const IndexDescription described =
      Create(R"({"hnsw":{"space":"ip","ef_search":7,"max_neighbors":0,"num_threads":3,)"
             R"("batch_size":1,"resize_factor":2,"sync_threshold":1099511627776}})")
          .value();
  REQUIRE(Parse(described.configuration)["hnsw"] ==
          Parse(R"({"space":"ip","ef_construction":100,"ef_search":7,"max_neighbors":0,)"
                R"("resize_factor":2.0,"sync_threshold":1099511627776})"));
  REQUIRE(described.configuration.find("\"resize_factor\":2.0") != std::string::npos);
  REQUIRE(described.hnsw.space == Space::kIp);
  REQUIRE(described.hnsw.sync_threshold == UINT32_MAX);  // the index needs no more
  for (const char* place : {"#embedding", "defaults"}) {
    const Tree vectors = SchemaVectors(described, place);
    REQUIRE(vectors["space"] == "ip");
    REQUIRE(vectors["hnsw"]["num_threads"] == 3);
    REQUIRE(vectors["hnsw"]["batch_size"] == 1);
  }
}

TEST_CASE("configuration: wrong shapes are malformed", "[daemon][model]") {
  for (const char* bad : {"[]",
                          "5",
                          "\"x\"",
                          "true",
                          R"({"hnsw":5})",
                          R"({"hnsw":[]})",
                          R"({"hnsw":"x"})",
                          R"({"hnsw":{"bogus":1}})",
                          R"({"hnsw":{"space":"IP"}})",
                          R"({"hnsw":{"space":{}}})",
                          R"({"hnsw":{"ef_search":-1}})",
                          R"({"hnsw":{"ef_search":100.0}})",
                          R"({"hnsw":{"ef_search":true}})",
                          R"({"hnsw":{"ef_search":"5"}})",
                          R"({"hnsw":{"ef_search":1180591620717411303424}})",
                          R"({"hnsw":{"resize_factor":"1"}})",
                          R"({"spann":{"bogus":1}})",
                          R"({"spann":{"space":"zz"}})",
                          R"({"spann":{"search_nprobe":-1}})",
                          R"({"spann":7})",
                          R"({"embedding_function":5})",
                          R"({"embedding_function":{}})",
                          R"({"embedding_function":{"type":"zz"}})",
                          R"({"embedding_function":{"type":5}})",
                          R"({"embedding_function":{"type":"known"}})",
                          R"({"embedding_function":{"type":"known","name":"x"}})"}) {
    CAPTURE(bad);
    REQUIRE(Create(bad).Is(Errc::kMalformed));
  }
}

TEST_CASE("configuration: a space that is no word is no JSON", "[daemon][model]") {
  for (const char* bad : {R"({"hnsw":{"space":5}})", R"({"spann":{"space":[]}})"}) {
    REQUIRE(Create(bad).Is(Errc::kInvalidArgument));
    REQUIRE(Create(bad).error().what.starts_with("Failed to parse the request body as JSON"));
  }
}

TEST_CASE("configuration: two kinds of index at once are refused", "[daemon][model]") {
  const auto both = Create(R"({"hnsw":{},"spann":{}})");
  REQUIRE(both.Is(Errc::kInvalidArgument));
  REQUIRE(both.error().what == "Multiple vector index configurations provided");
}

TEST_CASE("configuration: spann becomes hnsw with its space", "[daemon][model]") {
  REQUIRE(HnswShown(Create(R"({"spann":{"space":"cosine","search_nprobe":5}})"))["space"] ==
          "cosine");
}

TEST_CASE("configuration: the embedding function survives as JSON values", "[daemon][model]") {
  const char* const known =
      R"({"config":{"a":1.0,"b":18446744073709551615,"c":[null,-1]},"name":"x","type":"known"})";
  const IndexDescription described =
      Create(std::string(R"({"embedding_function":)") + known + "}").value();
  REQUIRE(json::Dump(Parse(described.configuration)["embedding_function"]) == known);
  REQUIRE(json::Dump(SchemaVectors(described)["embedding_function"]) == known);
  for (const char* simple : {R"({"type":"legacy"})", R"({"type":"unknown"})"}) {
    const IndexDescription other =
        Create(std::string(R"({"embedding_function":)") + simple + "}").value();
    REQUIRE(Parse(other.configuration)["embedding_function"] == Parse(simple));
  }
}

TEST_CASE("configuration: legacy metadata keys set the index", "[daemon][model]") {
  const Metadata all = {{"hnsw:space", std::string("cosine")},
                        {"hnsw:construction_ef", int64_t{5}},
                        {"hnsw:search_ef", int64_t{6}},
                        {"hnsw:M", int64_t{7}},
                        {"hnsw:num_threads", int64_t{8}},
                        {"hnsw:resize_factor", int64_t{1}},
                        {"hnsw:sync_threshold", int64_t{9}},
                        {"hnsw:batch_size", int64_t{10}},
                        {"x", int64_t{1}}};
  const IndexDescription described = Create("null", all).value();
  REQUIRE(Parse(described.configuration)["hnsw"] ==
          Parse(R"({"space":"cosine","ef_construction":5,"ef_search":6,"max_neighbors":7,)"
                R"("resize_factor":1.0,"sync_threshold":9})"));
  REQUIRE(SchemaVectors(described)["hnsw"]["batch_size"] == 10);
}

TEST_CASE("configuration: legacy keys yield to a configuration that says something",
          "[daemon][model]") {
  const Metadata cosine = {{"hnsw:space", std::string("cosine")}};
  REQUIRE(HnswShown(Create(R"({"hnsw":{}})", cosine))["space"] == "cosine");
  REQUIRE(HnswShown(Create(R"({"hnsw":{"space":"l2"}})", cosine))["space"] == "cosine");
  REQUIRE(HnswShown(Create(R"({"hnsw":{"space":"ip"}})", cosine))["space"] == "ip");
  REQUIRE(HnswShown(Create(R"({"hnsw":{"ef_search":5}})", cosine))["space"] == "l2");
  REQUIRE(HnswShown(Create(R"({"spann":{"space":"ip"}})", cosine))["space"] == "ip");
  REQUIRE(HnswShown(Create(R"({"spann":{}})", cosine))["space"] == "l2");
}

TEST_CASE("configuration: bad legacy keys are refused, also beside a configuration",
          "[daemon][model]") {
  const std::vector<Metadata> bad = {{{"hnsw:bogus", int64_t{1}}},
                                     {{"hnsw:space", std::string("zz")}},
                                     {{"hnsw:space", true}},
                                     {{"hnsw:M", std::string("5")}},
                                     {{"hnsw:M", 1.5}},
                                     {{"hnsw:M", int64_t{-1}}},
                                     {{"hnsw:batch_size", int64_t{1}}},
                                     {{"hnsw:sync_threshold", int64_t{1}}},
                                     {{"hnsw:", int64_t{1}}},
                                     {{"hnsw:resize_factor", std::string("1")}}};
  for (const Metadata& metadata : bad) {
    CAPTURE(metadata[0].first);
    const auto refused = Create(R"({"hnsw":{"ef_search":5}})", metadata);
    REQUIRE(refused.Is(Errc::kInvalidArgument));
    REQUIRE(refused.error().what == "Failed to parse hnsw parameters from segment metadata");
  }
  REQUIRE(Create("null", {{"hnsw", int64_t{1}}}).ok());
  REQUIRE(Create("null", {{"hnsw:M", int64_t{0}}}).ok());
}

TEST_CASE("configuration: an update changes what it names and nothing else", "[daemon][model]") {
  const IndexDescription before =
      Create(R"({"hnsw":{"space":"cosine","ef_construction":50}})").value();
  const IndexDescription after =
      UpdateIndex(before, Parse(R"({"hnsw":{"ef_search":5,"num_threads":7,"resize_factor":3},)"
                                R"("embedding_function":{"type":"legacy"}})"))
          .value();
  REQUIRE(Parse(after.configuration)["hnsw"] ==
          Parse(R"({"space":"cosine","ef_construction":50,"ef_search":5,"max_neighbors":16,)"
                R"("resize_factor":3.0,"sync_threshold":1000})"));
  REQUIRE(after.hnsw.ef_search == 5);
  for (const char* place : {"#embedding", "defaults"}) {
    REQUIRE(SchemaVectors(after, place)["hnsw"]["num_threads"] == 7);
    REQUIRE(SchemaVectors(after, place)["embedding_function"]["type"] == "legacy");
  }
  for (const char* nothing : {"null", "{}", R"({"hnsw":{}})", R"({"hnsw":{"ef_search":null}})",
                              R"({"spann":{"ef_search":7}})", R"({"embedding_function":null})"}) {
    REQUIRE(UpdateIndex(after, Parse(nothing)).value().configuration == after.configuration);
    REQUIRE(UpdateIndex(after, Parse(nothing)).value().schema == after.schema);
  }
}

TEST_CASE("configuration: an update cannot change what is fixed", "[daemon][model]") {
  const IndexDescription before = Create("null").value();
  for (const char* bad :
       {R"({"hnsw":{"space":"ip"}})", R"({"hnsw":{"ef_construction":5}})", R"({"hnsw":{"x":5}})",
        R"({"hnsw":{"ef_search":-5}})", R"({"spann":{"space":"ip"}})", "[]", "7",
        R"({"embedding_function":{"type":"zz"}})"}) {
    CAPTURE(bad);
    REQUIRE(UpdateIndex(before, Parse(bad)).Is(Errc::kMalformed));
  }
  REQUIRE(UpdateIndex(before, Parse(R"({"hnsw":{},"spann":{}})")).Is(Errc::kInvalidArgument));
  REQUIRE(UpdateIndex({{}, "{}", "{}"}, Parse("{}")).Is(Errc::kCorruption));
  REQUIRE(UpdateIndex({{}, "{}", "{"}, Parse("{}")).Is(Errc::kCorruption));
}

TEST_CASE(
    "configuration: wins over a schema that only names the client's default embedding function",
    "[daemon][model]") {
  const char* const function = R"({"name":"default","type":"known","config":{}})";
  const std::string vector =
      std::string(R"({"config":{"space":"l2","embedding_function":)") + function + "}";
  const std::string schema =
      R"({"defaults":{"float_list":{"vector_index":)" + vector +
      R"(,"enabled":false}}},"keys":{"#embedding":{"float_list":{"vector_index":)" + vector +
      R"(,"enabled":true}}}}})";
  const Result<IndexDescription> described = Create(
      R"({"hnsw":{"space":"cosine"},"embedding_function":{"name":"own","type":"known","config":{"dim":8}}})",
      {}, schema);
  REQUIRE(HnswShown(described)["space"] == "cosine");
  REQUIRE(SchemaVectors(*described)["embedding_function"]["name"] == "own");
}

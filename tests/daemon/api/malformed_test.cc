// Goal: every malformed request gets the status and the error name that clients map, and leaves
// the store as it was.
// Method: tables of bodies per route, each sent to a collection whose content is compared before
// and after.
#include <catch2/catch.hpp>

#include "tests/daemon/api/api_fixture.h"

using namespace pannier;
using namespace pannier::test;

namespace {

struct Row {
  std::string body;
  int status;
  std::string text = {};  // the message contains it
};

std::string NameOf(int status) { return status == 400 ? "InvalidArgumentError" : "ChromaError"; }

struct Fixture {
  ApiFixture api;
  const std::string path;

  explicit Fixture(api::ApiOptions options = {})
      : api(std::move(options)), path(api.NewCollection("docs")) {
    REQUIRE(api.Send("POST", path + "/add",
                     R"({"ids":["a","b"],"embeddings":[[1,2],[3,4]],"documents":["x",null],)"
                     R"("metadatas":[{"i":1},null]})")
                .status == 201);
  }

  std::string State() const {
    return api.Send("POST", path + "/get",
                    R"({"include":["documents","metadatas","embeddings","uris"]})")
               .body +
           api.Collection("docs").dump() + api.Get(kDatabase + "/collections").body;
  }

  void Refuses(const std::string& method, const std::string& target, const Row& row) const {
    const std::string before = State();
    CAPTURE(method, target, row.body);
    const Answer answer = api.Send(method, target, row.body);
    CAPTURE(answer.body);
    REQUIRE(answer.status == row.status);
    REQUIRE(answer.error() == NameOf(row.status));
    REQUIRE(answer.message().find(row.text) != std::string::npos);
    REQUIRE(answer.Header("chroma-trace-id").has_value());
    REQUIRE(State() == before);
  }
};

// Of no JSON route are these bodies right.
const std::vector<Row> kNeverRight = {
    {"", 400, "Failed to parse the request body as JSON"},
    {" ", 400},
    {"{", 400},
    {"}", 400},
    {"nul", 400},
    {"{\"a\":}", 400},
    {"{\"a\":1,}", 400},
    {"{'a':1}", 400},
    {"{\"a\":01}", 400},
    {"{\"a\":NaN}", 400},
    {"{\"a\":Infinity}", 400},
    {"{\"a\":1e999}", 400},
    {"{} x", 400},
    {"{}{}", 400},
    {"\xff", 400},
    {"{\"\xc0\x80\":1}", 400},
    {"{\"a\":\"\xed\xa0\x80\"}", 400},
    {"{\"a\":\"\\ud800\"}", 400},
    {"{\"a\":\"\\x\"}", 400},
    {"{\"a\":\"\n\"}", 400},
    {"\xef\xbb\xbf{}", 400},
    {std::string(200, '['), 400},
    {"{\"a\":" + std::string(130, '[') + "1" + std::string(130, ']') + "}", 400},
    {"[]", 422, "Failed to deserialize the JSON body into the target type: "},
    {"5", 422},
    {"null", 422},
    {"\"x\"", 422},
    {"true", 422},
    {"[{}]", 422},
};

}  // namespace

TEST_CASE("api: no route takes what is no JSON object", "[daemon][api][malformed]") {
  const Fixture fixture;
  const std::vector<std::pair<std::string, std::string>> routes = {
      {"POST", fixture.path + "/add"},
      {"POST", fixture.path + "/update"},
      {"POST", fixture.path + "/upsert"},
      {"POST", fixture.path + "/delete"},
      {"POST", fixture.path + "/get"},
      {"POST", fixture.path + "/query"},
      {"PUT", fixture.path},
      {"POST", kDatabase + "/collections"},
      {"POST", "/api/v2/tenants"},
      {"POST", "/api/v2/tenants/default_tenant/databases"},
      {"PATCH", "/api/v2/tenants/x"},
  };
  for (const auto& [method, route] : routes) {
    for (const Row& row : kNeverRight) fixture.Refuses(method, route, row);
  }
}

TEST_CASE("api: add and upsert refuse", "[daemon][api][malformed]") {
  const Fixture fixture;
  const std::string inconsistent =
      "Inconsistent number of IDs, embeddings, documents, URIs and metadatas";
  const std::vector<Row> rows = {
      {R"({})", 422, "missing field `ids`"},
      {R"({"ids":[]})", 422, "missing field `embeddings`"},
      {R"({"embeddings":[[1,2]]})", 422, "missing field `ids`"},
      {R"({"ids":null,"embeddings":[[1,2]]})", 422},
      {R"({"ids":"q","embeddings":[[1,2]]})", 422},
      {R"({"ids":{"q":1},"embeddings":[[1,2]]})", 422},
      {R"({"ids":[5],"embeddings":[[1,2]]})", 422, "ids[0]"},
      {R"({"ids":["q",null],"embeddings":[[1,2],[1,2]]})", 422, "ids[1]"},
      {R"({"ids":["q"],"ids":["r"],"embeddings":[[1,2]]})", 422, "duplicate field `ids`"},
      {R"({"ids":["q"],"embeddings":null})", 422},
      {R"({"ids":["q"],"embeddings":{}})", 422},
      {R"({"ids":["q"],"embeddings":"AACAPwAAAEA="})", 422},
      {R"({"ids":["q"],"embeddings":[1,2]})", 422},
      {R"({"ids":["q"],"embeddings":[null]})", 422},
      {R"({"ids":["q"],"embeddings":[[1,"x"]]})", 422},
      {R"({"ids":["q"],"embeddings":[[1,null]]})", 422},
      {R"({"ids":["q"],"embeddings":[[1,true]]})", 422},
      {R"({"ids":["q"],"embeddings":[[[1,2]]]})", 422},
      {R"({"ids":["q"],"embeddings":[{"0":1}]})", 422},
      {R"({"ids":["q","r"],"embeddings":[[1,2],"AACAPwAAAEA="]})", 422},
      {R"({"ids":["q","r"],"embeddings":["AACAPwAAAEA=",[1,2]]})", 422},
      {R"({"ids":["q","r"],"embeddings":[[],null]})", 422},
      {R"({"ids":["q"],"embeddings":[[1,2]],"documents":"x"})", 422},
      {R"({"ids":["q"],"embeddings":[[1,2]],"documents":[5]})", 422, "documents[0]"},
      {R"({"ids":["q"],"embeddings":[[1,2]],"documents":[["x"]]})", 422},
      {R"({"ids":["q"],"embeddings":[[1,2]],"uris":[5]})", 422, "uris[0]"},
      {R"({"ids":["q"],"embeddings":[[1,2]],"uris":{}})", 422},
      {R"({"ids":["q"],"embeddings":[[1,2]],"metadatas":5})", 422},
      {R"({"ids":["q"],"embeddings":[[1,2]],"metadatas":{"a":1}})", 422},
      {R"({"ids":["q"],"embeddings":[[1,2]],"metadatas":[5]})", 422, "metadatas[0]"},
      {R"({"ids":["q"],"embeddings":[[1,2]],"metadatas":[[]]})", 422},
      {R"({"ids":["q"],"embeddings":[[1,2]],"metadatas":[{"a":{"b":1}}]})", 422, "metadatas[0].a"},
      {R"({"ids":["q"],"embeddings":[[1,2]],"metadatas":[{"a":{}}]})", 422},
      {R"({"ids":["q"],"embeddings":[[1,2]],"metadatas":[{"a":[1,true]}]})", 422},
      {R"({"ids":["q"],"embeddings":[[1,2]],"metadatas":[{"a":[1,"x"]}]})", 422},
      {R"({"ids":["q"],"embeddings":[[1,2]],"metadatas":[{"a":["x",true]}]})", 422},
      {R"({"ids":["q"],"embeddings":[[1,2]],"metadatas":[{"a":[[1]]}]})", 422},
      {R"({"ids":["q"],"embeddings":[[1,2]],"metadatas":[{"a":[null]}]})", 422},
      {R"({"ids":["q"],"embeddings":[[1,2]],"metadatas":[{"a":[1,null]}]})", 422},
      {R"({"ids":["q"],"embeddings":[[1,2]],)"
       R"("metadatas":[{"a":{"#type":"sparse_vector","indices":[1]}}]})",
       422},
      {R"({"ids":["q"],"embeddings":[[1,2]],)"
       R"("metadatas":[{"a":{"#type":"sparse_vector","indices":[1],"values":[1.0]}}]})",
       501, "Unimplemented: Sparse vector is not supported for local chroma: a"},
      {R"({"ids":["q","r"],"embeddings":[[1,2],[1,2]],)"
       R"("metadatas":[{"a":{"#type":"sparse_vector","indices":[],"values":[]}},{"a":{}}]})",
       422, "metadatas[1].a"},  // shapes come first
      {R"({"ids":["q"],"embeddings":[]})", 400, inconsistent},
      {R"({"ids":["q"],"embeddings":[[1,2],[3,4]]})", 400, inconsistent},
      {R"({"ids":[],"embeddings":[[1,2]]})", 400, inconsistent},
      {R"({"ids":["q"],"embeddings":[[1,2]],"documents":[]})", 400, inconsistent},
      {R"({"ids":["q"],"embeddings":[[1,2]],"documents":["x","y"]})", 400, inconsistent},
      {R"({"ids":["q"],"embeddings":[[1,2]],"uris":[]})", 400, inconsistent},
      {R"({"ids":["q"],"embeddings":[[1,2]],"metadatas":[]})", 400, inconsistent},
      {R"({"ids":[],"embeddings":[],"documents":["x"]})", 400, inconsistent},
      {R"({"ids":[""],"embeddings":[[1,2]]})", 400,
       "Empty ID, ID must have at least one character"},
      {R"({"ids":["q",""],"embeddings":[[1,2],[1,2]]})", 400, "Empty ID"},
      {R"({"ids":["q"],"embeddings":[[]]})", 400, "Each embedding must have at least 1 dimension"},
      {R"({"ids":["q"],"embeddings":[""]})", 400, "Each embedding must have at least 1 dimension"},
      {R"({"ids":["q","r"],"embeddings":[[1,2],[1]]})", 400,
       "Inconsistent dimensions in provided embeddings"},
      {R"({"ids":["q"],"embeddings":[[1]]})", 400,
       "Collection expecting embedding with dimension of 2, got 1"},
      {R"({"ids":["q"],"embeddings":[[1e39,1]]})", 400, "NaN or Infinity"},
      {R"({"ids":["q"],"embeddings":[[-1e39,1]]})", 400, "NaN or Infinity"},
      {R"({"ids":["q"],"embeddings":["AACAfwAAAEA="]})", 400, "NaN or Infinity"},
      {R"({"ids":["q"],"embeddings":["AADAfwAAAEA="]})", 400, "NaN or Infinity"},
      {R"({"ids":["q"],"embeddings":["AACAPwAAAEA"]})", 400, "Invalid base64 string: "},
      {R"({"ids":["q"],"embeddings":["AACAPwAA=EA="]})", 400, "Invalid base64 string: "},
      {R"({"ids":["q"],"embeddings":["AACA PwAAAEA"]})", 400, "Invalid base64 string: "},
      {R"({"ids":["q"],"embeddings":["!!!!"]})", 400, "Invalid base64 string: "},
      {R"({"ids":["q"],"embeddings":["AACAPwAA"]})", 400,
       "Invalid byte length: 6 bytes cannot be converted to f32 values (must be divisible by 4)"},
      {R"({"ids":["q"],"embeddings":[[1,2]],"metadatas":[{"":1}]})", 400,
       "Validation error: metadatas: Invalid metadata at index 0"},
      {R"({"ids":["q"],"embeddings":[[1,2]],"metadatas":[{"#a":1}]})", 400, "at index 0"},
      {R"({"ids":["q"],"embeddings":[[1,2]],"metadatas":[{"$a":1}]})", 400, "at index 0"},
      {R"({"ids":["q"],"embeddings":[[1,2]],"metadatas":[{"#a":[]}]})", 400, "at index 0"},
      {R"({"ids":["q","r"],"embeddings":[[1,2],[1,2]],"metadatas":[null,{"ok":1,"":1}]})", 400,
       "at index 1"},
      {R"({"ids":["q"],"embeddings":[[1,2]],"metadatas":[{"chroma:document":"x"}]})", 400,
       "at index 0"},
  };
  for (const Row& row : rows) {
    fixture.Refuses("POST", fixture.path + "/add", row);
    fixture.Refuses("POST", fixture.path + "/upsert", row);
  }
  fixture.Refuses("POST", fixture.path + "/add",
                  {R"({"ids":["q"],"embeddings":[[1,2]],"metadatas":[{"a":null}]})", 422});
}

TEST_CASE("api: update refuses", "[daemon][api][malformed]") {
  const Fixture fixture;
  const std::vector<Row> rows = {
      {R"({})", 422, "missing field `ids`"},
      {R"({"ids":null})", 422},
      {R"({"ids":["a"],"embeddings":5})", 422},
      {R"({"ids":["a"],"embeddings":[5]})", 422},
      {R"({"ids":["a","b"],"embeddings":[[1,2],"AACAPwAAAEA="]})", 422},
      {R"({"ids":["a","b"],"embeddings":[null,[1,"x"]]})", 422},
      {R"({"ids":["a"],"documents":[5]})", 422},
      {R"({"ids":["a"],"metadatas":[{"i":{"b":1}}]})", 422},
      {R"({"ids":["a"],"metadatas":[{"i":[1,"x"]}]})", 422},
      {R"({"ids":["a"],"embeddings":[]})", 400, "Inconsistent number"},
      {R"({"ids":["a"],"documents":[]})", 400, "Inconsistent number"},
      {R"({"ids":["a"],"documents":["x","y"]})", 400, "Inconsistent number"},
      {R"({"ids":[],"metadatas":[{"i":2}]})", 400, "Inconsistent number"},
      {R"({"ids":["a",""],"documents":["x","y"]})", 400, "Empty ID"},
      {R"({"ids":["a"],"embeddings":[[]]})", 400, "at least 1 dimension"},
      {R"({"ids":["a","b"],"embeddings":[[1,2],[1,2,3]]})", 400, "Inconsistent dimensions"},
      {R"({"ids":["a"],"embeddings":[[1,2,3]]})", 400, "expecting embedding with dimension of 2"},
      {R"({"ids":["zz"],"embeddings":[[1,2,3]]})", 400, "expecting embedding with dimension of 2"},
      {R"({"ids":["a"],"embeddings":[[1e39,1]]})", 400, "NaN or Infinity"},
      {R"({"ids":["a"],"metadatas":[{"":null}]})", 400, "at index 0"},
      {R"({"ids":["a"],"metadatas":[{"#x":null}]})", 400, "at index 0"},
  };
  for (const Row& row : rows) fixture.Refuses("POST", fixture.path + "/update", row);
}

TEST_CASE("api: get, query and delete refuse", "[daemon][api][malformed]") {
  const Fixture fixture;
  const std::vector<Row> shared = {
      {R"({"ids":5})", 422},
      {R"({"ids":"a"})", 422},
      {R"({"ids":[5]})", 422},
      {R"({"ids":[null]})", 422},
      {R"({"ids":{}})", 422},
      {R"({"where":{}})", 400, "Invalid where clause"},
      {R"({"where":[]})", 400, "Invalid where clause"},
      {R"({"where":"x"})", 400, "Invalid where clause"},
      {R"({"where":{"a":1,"b":2}})", 400, "Invalid where clause"},
      {R"({"where_document":{}})", 400, "Invalid where document clause"},
      {R"({"where_document":"x"})", 400, "Invalid where document clause"},
      {R"({"where_document":{"$regex":"("}})", 400, "Regex syntax errror: "},
      {R"j({"where_document":{"$not_regex":"(?=x)"}})j", 400, "Regex syntax errror: "},
      {R"({"where":{"#document":{"$regex":"\\1"}}})", 400, "Regex syntax errror: "},
      {R"({"ids":["a"],"where_document":{"$regex":"\\Qa"}})", 400, "Regex syntax errror: "},
      {R"({"ids":["a"],"where_document":{"$regex":"\\07"}})", 400, "Regex syntax errror: "},
      {R"({"where":{"#document":"x"}})", 400, "Cannot filter using metadata key"},
  };
  const std::vector<Row> numbers = {{R"("x":-1)", 422},
                                    {R"("x":1.0)", 422},
                                    {R"("x":4294967296)", 422},
                                    {R"("x":"1")", 422},
                                    {R"("x":[])", 422},
                                    {R"("x":true)", 422},
                                    {R"("x":18446744073709551616)", 422}};
  const auto with_number = [&](const std::string& prefix, const std::string& field,
                               const std::string& route) {
    for (Row row : numbers) {
      row.body.replace(1, 1, field);
      row.body = "{" + prefix + row.body + "}";
      fixture.Refuses("POST", fixture.path + route, row);
    }
  };
  for (const Row& row : shared) {
    fixture.Refuses("POST", fixture.path + "/get", row);
    fixture.Refuses("POST", fixture.path + "/delete", row);
    Row query = row;
    query.body.insert(1, R"("query_embeddings":[[1,2]],)");
    fixture.Refuses("POST", fixture.path + "/query", query);
  }
  with_number("", "limit", "/get");
  with_number("", "offset", "/get");
  with_number(R"("where":{"i":1},)", "limit", "/delete");
  with_number(R"("query_embeddings":[[1,2]],)", "n_results", "/query");

  for (const Row& row : std::vector<Row>{{R"("include":null)", 422},
                                         {R"("include":"documents")", 422},
                                         {R"("include":["data"])", 422, "include[0]"},
                                         {R"("include":["Documents"])", 422},
                                         {R"("include":["documents",5])", 400, "Failed to parse"},
                                         {R"("include":[{}])", 422}}) {
    fixture.Refuses("POST", fixture.path + "/get", {"{" + row.body + "}", row.status, row.text});
    fixture.Refuses("POST", fixture.path + "/query",
                    {R"({"query_embeddings":[[1,2]],)" + row.body + "}", row.status, row.text});
  }
  for (const Row& row :
       std::vector<Row>{{R"({})", 422, "missing field `query_embeddings`"},
                        {R"({"query_embeddings":null})", 422},
                        {R"({"query_embeddings":5})", 422},
                        {R"({"query_embeddings":[5]})", 422},
                        {R"({"query_embeddings":[[1,null]]})", 422},
                        {R"({"query_embeddings":[[1,2],"AACAPwAAAEA="]})", 422},
                        {R"({"query_embeddings":["AACAPwAAAEA"]})", 400, "Invalid base64 string: "},
                        {R"({"query_embeddings":["AACAPwA="]})", 400, "Invalid byte length: "},
                        {R"({"query_embeddings":["AACAPw=="]})", 400, "dimension of 2, got 1"},
                        {R"({"query_embeddings":[[1,2],[1]]})", 400, "Inconsistent dimensions"},
                        {R"({"query_embeddings":[[1]]})", 400, "dimension of 2, got 1"},
                        {R"({"query_embeddings":[[]]})", 400, "dimension of 2, got 0"},
                        {R"({"query_embeddings":[[1e39,1]]})", 400, "NaN or Infinity"}}) {
    fixture.Refuses("POST", fixture.path + "/query", row);
  }
  for (const Row& row : std::vector<Row>{
           {R"({"ids":[]})", 400,
            "Validation error: ids, where: Either ids or where must be specified"},
           {R"({"limit":1})", 400, "Validation error: limit, where: limit can only be specified"},
           {R"({"ids":["a"],"limit":1})", 400, "limit can only be specified"}}) {
    fixture.Refuses("POST", fixture.path + "/delete", row);
  }
}

TEST_CASE("api: create refuses", "[daemon][api][malformed]") {
  const Fixture fixture;
  const std::vector<Row> rows = {
      {R"({})", 422, "missing field `name`"},
      {R"({"name":null})", 422},
      {R"({"name":5})", 422},
      {R"({"name":"abc","name":"def"})", 422, "duplicate field `name`"},
      {R"({"name":"new","get_or_create":null})", 422},
      {R"({"name":"new","get_or_create":"x"})", 422},
      {R"({"name":"new","metadata":5})", 422},
      {R"({"name":"new","metadata":[]})", 422},
      {R"({"name":"new","metadata":{"a":null}})", 422},
      {R"({"name":"new","metadata":{"a":{"b":1}}})", 422},
      {R"({"name":"ab","metadata":{"a":null}})", 422},  // the shape comes first
      {R"({"name":"new","configuration":5})", 422},
      {R"({"name":"new","configuration":{"hnsw":{"bogus":1}}})", 422},
      {R"({"name":"new","configuration":{"hnsw":{"space":"zz"}}})", 422},
      {R"({"name":"new","metadata":{},"configuration":{"hnsw":{"ef_search":-1}}})", 422},
      {R"({"name":"new","schema":{}})", 422},
      {R"({"name":"new","schema":{"defaults":{},"keys":{"k":5}}})", 422},
      {R"({"name":""})", 400, "Validation error: name: Expected a name containing 3-512"},
      {R"({"name":"ab"})", 400, "Got: ab"},
      {R"({"name":"../x"})", 400},
      {R"({"name":"a..b"})", 400, "two consecutive periods"},
      {R"({"name":"1.2.3.4"})", 400, "ip address"},
      {R"({"name":"new","metadata":{}})", 400,
       "Validation error: metadata: Metadata cannot be empty"},
      {R"({"name":"new","metadata":{"":1}})", 400,
       "Validation error: metadata: Metadata key cannot be empty"},
      {R"({"name":"new","metadata":{"#a":1}})", 400,
       "Validation error: metadata: Metadata key cannot start with '#' or '$': #a"},
      {R"({"name":"new","metadata":{"a":[1]}})", 400, "arrays"},
      {R"({"name":"new","metadata":{"a":[]}})", 400, "arrays"},
      {R"({"name":"new","metadata":{"hnsw:space":"zz"}})", 400,
       "Failed to parse hnsw parameters from segment metadata"},
      {R"({"name":"new","configuration":{"hnsw":{},"spann":{}}})", 400,
       "Multiple vector index configurations provided"},
      {R"({"name":"new","schema":{"defaults":{},"keys":{"#x":{}}}})", 400, "'#'"},
  };
  for (const Row& row : rows) fixture.Refuses("POST", kDatabase + "/collections", row);
}

TEST_CASE("api: tenants and databases refuse", "[daemon][api][malformed]") {
  const Fixture fixture;
  for (const char* path : {"/api/v2/tenants", "/api/v2/tenants/default_tenant/databases"}) {
    for (const Row& row :
         std::vector<Row>{{R"({})", 422, "missing field `name`"},
                          {R"({"name":null})", 422},
                          {R"({"name":5})", 422},
                          {R"({"name":["abc"]})", 422},
                          {R"({"name":"abc","name":"abd"})", 422, "duplicate field"},
                          {R"({"name":"ab"})", 400}}) {
      fixture.Refuses("POST", path, row);
    }
  }
  fixture.Refuses("PATCH", "/api/v2/tenants/x", {"{}", 422, "missing field `resource_name`"});
  fixture.Refuses("PATCH", "/api/v2/tenants/x", {R"({"resource_name":5})", 422});
}

TEST_CASE("api: our own limits refuse with a sentence", "[daemon][api][malformed]") {
  api::ApiOptions options;
  options.limits.dimension = 3;
  options.limits.ids = 4;
  options.limits.id_bytes = 8;
  options.limits.document_bytes = 10;
  options.limits.uri_bytes = 9;
  options.limits.metadata_keys = 2;
  options.limits.metadata_bytes = 64;
  options.limits.where_nodes = 3;
  options.limits.where_operands = 5;
  options.limits.query_vectors = 2;
  const Fixture fixture(options);
  const auto text = [](size_t size) { return "\"" + std::string(size, 'x') + "\""; };
  const std::vector<Row> writes = {
      {R"({"ids":["q"],"embeddings":[[1,2,3,4]]})", 400, "this server allows 3"},
      {R"({"ids":["1","2","3","4","5"],"embeddings":[[1,2],[1,2],[1,2],[1,2],[1,2]]})", 400,
       "this server allows 4"},
      {R"({"ids":[)" + text(9) + R"(],"embeddings":[[1,2]]})", 400, "this server allows 8"},
      {R"({"ids":["q"],"embeddings":[[1,2]],"documents":[)" + text(11) + "]}", 400,
       "this server allows 10"},
      {R"({"ids":["q"],"embeddings":[[1,2]],"uris":[)" + text(10) + "]}", 400,
       "this server allows 9"},
      {R"({"ids":["q"],"embeddings":[[1,2]],"metadatas":[{"a":1,"b":2,"c":3}]})", 400,
       "this server allows 2"},
      {R"({"ids":["q"],"embeddings":[[1,2]],"metadatas":[{"a":)" + text(64) + "}]}", 400,
       "this server allows 64"},
  };
  for (const Row& row : writes) fixture.Refuses("POST", fixture.path + "/upsert", row);
  const std::vector<Row> reads = {
      {R"({"ids":["1","2","3","4","5"]})", 400, "this server allows 4"},
      {R"({"where":{"$and":[{"a":1},{"a":1},{"a":1}]}})", 400, "more than 3 conditions"},
      {R"({"where":{"a":{"$in":[1,2,3,4,5,6]}}})", 400, "more than 5 elements"},
      {R"({"where":{"$or":[{"a":{"$in":[1,2,3]}},{"a":{"$nin":[1,2,3]}}]}})", 400,
       "more than 5 elements"},
      {R"({"where_document":{"$or":[{"$contains":"a"},{"$contains":"a"},{"$contains":"a"}]}})", 400,
       "more than 3 conditions"},
  };
  for (const Row& row : reads) fixture.Refuses("POST", fixture.path + "/get", row);
  fixture.Refuses("POST", fixture.path + "/query",
                  {R"({"query_embeddings":[[1,2],[1,2],[1,2]]})", 400, "this server allows 2"});
  fixture.Refuses(
      "POST", kDatabase + "/collections",
      {R"({"name":"new","metadata":{"a":1,"b":2,"c":3}})", 400, "this server allows 2"});
}

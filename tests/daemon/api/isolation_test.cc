// Goal: a token for one tenant gets nothing of another by any route, and no refusal tells whether
// what was asked for exists.
// Method: generated over everything that the router answers. Each route is asked with a tenant,
// database, collection, resource name or session of the other's that exists, and again with one
// that does not: status and body must be the same, and the other's data as before.
#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>
#include <map>
#include <random>

#include "daemon/api/router.h"
#include "daemon/service/tokens.h"
#include "lib/core/uuid.h"
#include "tests/daemon/api/api_fixture.h"

using namespace pannier;
using namespace pannier::test;
using api::Route;
using Names = std::map<std::string, std::string>;  // of a route's parameters

namespace {

const Headers kAlice = {{"Authorization", "Bearer token-of-alice"}};  // of acme
const Headers kBob = {{"Authorization", "Bearer token-of-bob"}};      // of umbrella
const Headers kStranger = {{"Authorization", "Bearer token-of-nobody"}};
const std::string kDocument = "the-words-of-umbrella", kRecord = "record-of-umbrella";

std::string With(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; !from.empty() && (at = text.find(from, at)) != std::string::npos;) {
    text.replace(at, from.size(), to);
    at += to.size();
  }
  return text;
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

bool HasParameter(const Route& route, const std::string& name) {
  return Has(route.pattern, "{" + name + "}");
}

std::string Fill(std::string pattern, const Names& names) {
  for (const auto& [name, value] : names) pattern = With(pattern, "{" + name + "}", value);
  return pattern;
}

// Two tenants in one daemon, and a token for each.
class TwoTenants {
 public:
  TwoTenants() {
    std::string lines;
    for (const auto& [token, tenant, user] :
         std::vector<std::tuple<std::string, std::string, std::string>>{
             {"token-of-alice", "acme", "alice"}, {"token-of-bob", "umbrella", "bob"}}) {
      lines += crypto::ToHex(crypto::Sha256(token)) + " admin " + tenant + "/* " + user + "\n";
    }
    file::ReplaceFile(file::RealFileSystem(), dir_ / "tokens", lines).value();
    tokens_ =
        service::TokenFile::Open(dir_ / "tokens", file::RealFileSystem(), SystemClock()).value();
    alices_ = Furnish("acme", "lab", "notes", "record-of-acme", "the-words-of-acme");
    bobs_ = Furnish("umbrella", "vaults", "secrets", kRecord, kDocument);
    REQUIRE(Ask(kBob, "POST", "/pannier/v1/sessions", R"({"id":"tab-of-bob"})").status == 201);
  }

  Answer Ask(const Headers& who, const std::string& method, const std::string& target,
             const std::string& body = "") const {
    return api_.Send(method, target, body, who, tokens_.get());
  }
  std::vector<const Route*> routes() const { return api_.routes(); }
  // All that the other tenant has, as it sees it.
  std::string BobsView() const {
    const std::string database = "/api/v2/tenants/umbrella/databases/vaults";
    return Ask(kBob, "GET", database).body + Ask(kBob, "GET", database + "/collections").body +
           Ask(kBob, "POST", database + "/collections/" + bobs_ + "/get",
               R"({"include":["documents","embeddings","metadatas"]})")
               .body;
  }

  // What is the other's; what is nobody's; and her own place with what is the other's in it.
  Names Bobs() const {
    return {{"tenant", "umbrella"},   {"database", "vaults"}, {"collection", bobs_},
            {"collection_id", bobs_}, {"id", "tab-of-bob"},   {"crn", "umbrella:vaults:secrets"}};
  }
  Names Nobodys() const {
    return {{"tenant", "nowhere_"},   {"database", "absent"},
            {"collection", nobodys_}, {"collection_id", nobodys_},
            {"id", "tab-of-who"},     {"crn", "nowhere_:absent:missing"}};
  }

 private:
  // The id of the collection.
  std::string Furnish(const std::string& tenant, const std::string& database,
                      const std::string& collection, const std::string& record,
                      const std::string& document) const {
    api_.Post("/api/v2/tenants", {{"name", tenant}});
    api_.Post("/api/v2/tenants/" + tenant + "/databases", {{"name", database}});
    const std::string base =
        "/api/v2/tenants/" + tenant + "/databases/" + database + "/collections";
    const std::string id = api_.Post(base, {{"name", collection}}).json()["id"];
    const Answer added =
        api_.Post(base + "/" + id + "/add",
                  {{"ids", {record}}, {"embeddings", {{1, 2}}}, {"documents", {document}}});
    REQUIRE(added.status == 201);
    return id;
  }

  TempDir dir_;
  const ApiFixture api_;
  std::unique_ptr<service::TokenFile> tokens_;
  std::string alices_, bobs_;
  const std::string nobodys_ = Uuid::Random().ToString();
};

// Bodies that some route takes, so that a refusal is not only one of a wrong body.
const std::vector<std::string> kBodies = {
    "",
    "{}",
    R"({"name":"vaults"})",
    R"({"name":"umbrella"})",
    R"({"new_name":"taken","new_configuration":{}})",
    R"({"ids":["record-of-umbrella"],"embeddings":[[1,2]],"documents":["x"]})",
    R"({"query_embeddings":[[1,2]],"n_results":5})",
    R"({"where_document":{"$contains":"words"}})",
    R"({"idle_after_seconds":60})",
    R"({"id":"tab-of-alice"})",
};

// Status and body; what the request itself names is not told apart.
std::string Shape(const Answer& answer, const Names& names) {
  std::string text = std::to_string(answer.status) + " " + answer.type + " " + answer.body;
  for (const auto& [name, value] : names) text = With(text, value, "{" + name + "}");
  const size_t now = text.find("heartbeat\":");
  return now == std::string::npos ? text : text.substr(0, now);
}

// That nothing of the other's is in an answer to a request that did not bring it.
void RequireNothingOfBobs(const std::string& sent, const Answer& answer, const Names& bobs) {
  for (const std::string& word : {kDocument, kRecord, bobs.at("collection"), std::string("secrets"),
                                  std::string("umbrella"), std::string("vaults")}) {
    if (Has(sent, word)) continue;
    INFO(word << " in " << answer.body);
    REQUIRE_FALSE(Has(answer.body, word));
  }
}

}  // namespace

TEST_CASE("isolation: by no route does a token get anything of another tenant", "[daemon][api]") {
  const TwoTenants world;
  const std::string before = world.BobsView();
  REQUIRE(Has(before, kDocument));
  const Names bobs = world.Bobs(), nobodys = world.Nobodys();
  int asked = 0;
  for (const Route* route : world.routes()) {
    for (const std::string& body : kBodies) {
      // She may call her own session like anything.
      if (Has(route->pattern, "/sessions") && Has(body, "\"name\"")) continue;
      const std::string target = Fill(route->pattern, bobs);
      CAPTURE(route->label, body);
      const Answer theirs = world.Ask(kAlice, route->method, target, body);
      const Answer absent = world.Ask(kAlice, route->method, Fill(route->pattern, nobodys), body);
      if (Has(route->pattern, "{")) REQUIRE(Shape(theirs, bobs) == Shape(absent, nobodys));
      RequireNothingOfBobs(target + body, theirs, bobs);
      if (HasParameter(*route, "tenant")) REQUIRE(theirs.status == 403);
      ++asked;
    }
  }
  REQUIRE(asked > 300);
  REQUIRE(world.BobsView() == before);
  REQUIRE(world.Ask(kBob, "GET", "/pannier/v1/sessions/tab-of-bob").status == 200);
}

TEST_CASE("isolation: what is another's is not there in a place of one's own", "[daemon][api]") {
  const TwoTenants world;
  const std::string before = world.BobsView();
  for (const Route* route : world.routes()) {
    if (!HasParameter(*route, "tenant")) continue;
    for (const std::string& own : {std::string("tenant"), std::string("database")}) {
      Names theirs = world.Bobs(), nobodys = world.Nobodys();
      theirs["tenant"] = nobodys["tenant"] = "acme";
      if (own == "database") theirs["database"] = nobodys["database"] = "lab";
      if (own == "database" && !HasParameter(*route, "collection")) continue;
      // Making a database of a name that another tenant has is no mistake; deleting it none either.
      if (own == "tenant" && !HasParameter(*route, "database")) continue;
      for (const std::string& body : kBodies) {
        CAPTURE(route->label, own, body);
        const Answer at_theirs =
            world.Ask(kAlice, route->method, Fill(route->pattern, theirs), body);
        const Answer at_nobodys =
            world.Ask(kAlice, route->method, Fill(route->pattern, nobodys), body);
        REQUIRE(Shape(at_theirs, theirs) == Shape(at_nobodys, nobodys));
        RequireNothingOfBobs(Fill(route->pattern, theirs) + body, at_theirs, theirs);
      }
    }
  }
  REQUIRE(world.BobsView() == before);
}

TEST_CASE("isolation: without a token that is known every door looks the same", "[daemon][api]") {
  const TwoTenants world;
  const std::string before = world.BobsView();
  const Names bobs = world.Bobs(), nobodys = world.Nobodys();
  for (const Route* route : world.routes()) {
    for (const Headers& who : {Headers(), kStranger}) {
      CAPTURE(route->label);
      const Answer theirs = world.Ask(who, route->method, Fill(route->pattern, bobs), "{}");
      const Answer absent = world.Ask(who, route->method, Fill(route->pattern, nobodys), "{}");
      REQUIRE(Shape(theirs, bobs) == Shape(absent, nobodys));
      if (route->scope || Has(route->pattern, "/sessions")) REQUIRE(theirs.status == 401);
      RequireNothingOfBobs(Fill(route->pattern, bobs), theirs, bobs);
    }
  }
  REQUIRE(world.BobsView() == before);
}

TEST_CASE("isolation: the router knows no admin route", "[daemon][api]") {
  const TwoTenants world;
  for (const Route* route : world.routes()) REQUIRE_FALSE(route->pattern.starts_with("/admin"));
  REQUIRE(world.Ask(kAlice, "GET", "/admin/v1/status").status == 404);
  REQUIRE(world.Ask(kAlice, "GET", "/metrics").status == 404);
}

namespace {

using Nanoseconds = std::chrono::nanoseconds;

Nanoseconds Median(std::vector<Nanoseconds> times) {
  std::nth_element(times.begin(), times.begin() + static_cast<long>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

}  // namespace

TEST_CASE("isolation: the time of a refusal does not tell names apart", "[daemon][api]") {
  const TwoTenants world;
  Names own = world.Bobs(), absent = world.Nobodys();
  own["tenant"] = absent["tenant"] = "acme";
  own["database"] = absent["database"] = "lab";
  const std::string get =
      "/api/v2/tenants/{tenant}/databases/{database}/collections/{collection}/count";
  for (const auto& [theirs, nobodys] :
       {std::pair(Fill(get, world.Bobs()), Fill(get, world.Nobodys())),
        std::pair(Fill(get, own), Fill(get, absent)),
        std::pair<std::string, std::string>("/pannier/v1/sessions/tab-of-bob",
                                            "/pannier/v1/sessions/tab-of-who")}) {
    std::vector<Nanoseconds> times[2];
    std::mt19937 random(7);
    for (int i = 0; i < 4'000; ++i) {
      const bool which = random() % 2 == 0;  // no rhythm of the machine falls on one of them
      const auto began = std::chrono::steady_clock::now();
      (void)world.Ask(kAlice, "GET", which ? theirs : nobodys);
      times[which ? 0 : 1].push_back(std::chrono::steady_clock::now() - began);
    }
    const double there = static_cast<double>(Median(times[0]).count());
    const double not_there = static_cast<double>(Median(times[1]).count());
    std::printf("refusal of what exists %.1f us, of what does not %.1f us (medians): %s\n",
                there / 1e3, not_there / 1e3, theirs.c_str());
    REQUIRE(there < 2 * not_there);
    REQUIRE(not_there < 2 * there);
  }
}

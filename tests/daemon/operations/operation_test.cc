// Goal: a request is taken as it was meant, or refused with the name of what is wrong.
#include "daemon/operations/operation.h"

#include <catch2/catch.hpp>

namespace pannier::operations {
namespace {

Result<Request> Parse(std::string_view body) { return ParseRequest(Uuid::Random(), body); }

std::string Refusal(std::string_view body) {
  const Result<Request> request = Parse(body);
  return request.Is(Errc::kInvalidArgument) ? request.error().what : "";
}

TEST_CASE("operation: members of all actions are read", "[daemon][operations]") {
  const Request request =
      Parse(R"({"action":"restore","store":"t1/d1","repository":"r","epoch":3,"dryRun":true,
                "timeoutSeconds":60,"at":"2025-01-01T00:00:00Z","to":"t2/d2"})")
          .value();
  REQUIRE(request.action == Action::kRestore);
  REQUIRE(request.store->tenant == "t1");
  REQUIRE(request.store->database == "d1");
  REQUIRE(request.repository == "r");
  REQUIRE(request.epoch == 3);
  REQUIRE(request.dry_run);
  REQUIRE(request.timeout == std::chrono::seconds(60));
  REQUIRE(request.arguments.size() == 2);
}

TEST_CASE("operation: what is wrong is refused by its name", "[daemon][operations]") {
  const std::pair<const char*, const char*> kCases[] = {
      {R"([])", "object"},
      {R"({})", "\"action\""},
      {R"({"action":"fly"})", "\"fly\""},
      {R"({"action":"compact"})", "\"store\""},
      {R"({"action":"compact","store":"nothing"})", "TENANT/DATABASE"},
      {R"({"action":"compact","store":"a/b","level":"Full"})", "\"level\""},
      {R"({"action":"verify","store":"a/b","level":"Deep"})", "Quick, Full"},
      {R"({"action":"snapshotHold","repository":"r","snapshot":"x","hold":true})", "\"snapshot\""},
      {R"({"action":"snapshotHold","repository":"r",
           "snapshot":"2b0c5b0e-7d5c-4b5e-8a6c-0c5b0e7d5c4b","hold":1})",
       "true or false"},
      {R"({"action":"compact","store":"a/b","timeoutSeconds":0})", "timeoutSeconds"},
      {R"({"action":"compact","store":"a/b","epoch":-1})", "\"epoch\""},
      {R"({"action":"compact","store":"a/b","epoch":1.5})", "\"epoch\""},
      {R"({"action":"restore","repository":"r","at":"yesterday"})", "\"at\""},
      {R"({"action":"repositoryGc","repository":"r","keep":{"lst":1}})", "\"keep.lst\""},
      {R"({"action":"repositoryGc","repository":"r","keep":{"last":"1"}})", "\"keep.last\""},
      {R"({"action":"fork","store":"a/b"})", "\"to\""},
  };
  for (const auto& [body, what] : kCases) {
    CAPTURE(body);
    REQUIRE(Refusal(body).find(what) != std::string::npos);
  }
}

TEST_CASE("operation: equal requests have equal text, whatever the epoch and the order",
          "[daemon][operations]") {
  const Request a = Parse(R"({"action":"verify","store":"a/b","level":"Full","epoch":1})").value();
  const Request b = Parse(R"({"level":"Full","epoch":2,"store":{"tenant":"a","database":"b"},
                              "dryRun":false,"action":"verify","timeoutSeconds":3600})")
                        .value();
  const Request c = Parse(R"({"action":"verify","store":"a/b","level":"Quick"})").value();
  REQUIRE(a.canonical == b.canonical);
  REQUIRE(a.canonical != c.canonical);
}

TEST_CASE("operation: the canonical text is the request again", "[daemon][operations]") {
  const Request first =
      Parse(R"({"action":"snapshot","store":{"tenant":"a/x","database":"b"},"repository":"r",
                "verification":"Manifest","dryRun":true,"timeoutSeconds":7})")
          .value();
  const Request again = Parse(first.canonical).value();
  REQUIRE(again.canonical == first.canonical);
  REQUIRE(again.store->tenant == "a/x");
  REQUIRE(again.timeout == std::chrono::seconds(7));
  REQUIRE(again.dry_run);
}

}  // namespace
}  // namespace pannier::operations

// Goal: Secrets are read by name, not more often than needed, and one that is missing is nothing.
// Method: the API in memory counts calls.
#include "operator/reconcile/secrets.h"

#include <catch2/catch.hpp>

#include "tests/operator/reconcile/bench.h"

namespace pannier::test {

using namespace control;

TEST_CASE("secrets: one that was read is good for half a minute, or until it is refused",
          "[operator][reconcile]") {
  Bench bench;
  bench.MakeWorld();
  int gets = 0;
  bench.api.SetBefore([&](std::string_view verb, const kube::Resource&, const kube::ObjectKey&) {
    gets += verb == "get" ? 1 : 0;
    return Status();
  });
  SnapshotRepository repository;
  repository.meta.name_space = "team";
  repository.spec.s3.emplace();
  repository.spec.s3->credentials.emplace();
  repository.spec.s3->credentials->name = "keys";
  Secrets secrets(bench.api, bench.clock);
  REQUIRE(secrets.Of(repository)->credentials->at("accessKeyID") == "AK1");
  REQUIRE(secrets.Of(repository).ok());
  REQUIRE(gets == 1);
  bench.clock.Advance(std::chrono::seconds(31));
  REQUIRE(secrets.Of(repository).ok());
  REQUIRE(gets == 2);
  secrets.Forget("team", "keys");
  REQUIRE(secrets.Of(repository).ok());
  REQUIRE(gets == 3);
  repository.spec.s3->credentials->name = "none";
  REQUIRE_FALSE(secrets.Of(repository)->credentials);
}

TEST_CASE("secrets: what is written is read again, also bytes", "[operator][reconcile]") {
  const SecretValues values = {{"a", std::string("\0\xff", 2)}, {"b", ""}};
  REQUIRE(DecodeSecret({{"data", EncodeSecret(values)}}) == values);
  REQUIRE(DecodeSecret({{"data", {{"a", "no base64!"}}}}).empty());
}

}  // namespace pannier::test

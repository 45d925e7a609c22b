// Goal: the proxy spoils what it is told to, and nothing else. Method: a server of our own behind
// it.
#include "tests/support/fault_proxy.h"

#include <catch2/catch.hpp>

#include "lib/http/client.h"
#include "tests/support/s3_server.h"

using namespace pannier;
using test::Fault;

namespace {

Result<http::Response> Ask(test::FaultProxy& proxy, const std::string& path,
                           std::chrono::milliseconds timeout = std::chrono::seconds(20)) {
  http::Client::Options options;
  options.timeout = timeout;
  return http::Client::Make(proxy.endpoint(), options).value().Send("GET", path);
}

}  // namespace

TEST_CASE("fault proxy: passes requests on and remembers them", "[support]") {
  test::FaultProxy& proxy = test::SharedS3Server().proxy();
  proxy.Reset();
  REQUIRE(Ask(proxy, "/health")->status == 200);
  REQUIRE(Ask(proxy, "/bucket/key")->status == 404);
  REQUIRE(proxy.requests() == std::vector<std::string>{"GET /health", "GET /bucket/key"});
  REQUIRE(proxy.spoiled() == 0);
}

TEST_CASE("fault proxy: spoils the n-th that matches", "[support]") {
  test::FaultProxy& proxy = test::SharedS3Server().proxy();
  proxy.Reset();
  proxy.Spoil(Fault::kSlowDown, 2, 1,
              [](const auto& request) { return request.target == "/health"; });
  REQUIRE(Ask(proxy, "/health")->status == 200);
  REQUIRE(Ask(proxy, "/other/x")->status == 404);
  REQUIRE(Ask(proxy, "/health")->status == 503);
  REQUIRE(Ask(proxy, "/health")->status == 200);
  REQUIRE(proxy.spoiled() == 1);
  proxy.Heal();
}

TEST_CASE("fault proxy: broken answers are broken", "[support]") {
  test::FaultProxy& proxy = test::SharedS3Server().proxy();
  for (const Fault fault : {Fault::kResetReply, Fault::kDropReply, Fault::kResetRequest}) {
    CAPTURE(test::ToString(fault));
    proxy.Reset();
    proxy.Spoil(fault, 1, 10);
    REQUIRE_FALSE(Ask(proxy, "/health").ok());
  }
  proxy.Spoil(Fault::kSilence, 1, 10);
  REQUIRE_FALSE(Ask(proxy, "/health", std::chrono::milliseconds(200)).ok());
  proxy.Heal();
}

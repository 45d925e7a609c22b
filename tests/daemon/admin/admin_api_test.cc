// Goal: what operators and machines ask is answered from the stores as they are.
#include "daemon/admin/admin_api.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "lib/core/time_text.h"
#include "lib/file/file_system.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace pannier::admin {
namespace {

using nlohmann::json;

struct Fixture {
  test::TempDir dir;
  test::FakeClock clock;
  std::unique_ptr<store::Stores> stores =
      store::Stores::Open((dir / "data").string(), {}, file::RealFileSystem(), clock, nullptr)
          .value();
  service::DaemonMetrics metrics{"1.2.3", "abc", clock};
  std::atomic<bool> serving{true};
  AdminApi api{{*stores, metrics, "1.2.3", "abc", "session-1", serving, clock, clock.Steady()}};

  static http::Request Request(std::string_view method, std::string_view path) {
    http::Request request;
    request.method = method;
    request.path = path;
    return request;
  }
  http::Response Admin(std::string_view path) const {
    return api.HandleAdmin(Request("GET", path));
  }
};

TEST_CASE("admin: status names the session and counts stores and time", "[daemon][admin]") {
  Fixture fixture;
  fixture.clock.Advance(std::chrono::seconds(90));
  const http::Response response = fixture.Admin("/admin/v1/status");
  REQUIRE(response.status == 200);
  const json status = json::parse(response.body);
  REQUIRE(status["version"] == "1.2.3");
  REQUIRE(status["sessionID"] == "session-1");
  REQUIRE(status["uptimeSeconds"] == 90);
  REQUIRE(status["mode"] == "normal");
  REQUIRE(status["stores"]["known"] == 1);  // the default database
  REQUIRE(status["ready"] == true);
  REQUIRE(status["stores"]["damaged"] == 0);
  REQUIRE(status["quarantined"] == 0);
}

TEST_CASE("admin: stores are listed with their tenant", "[daemon][admin]") {
  Fixture fixture;
  fixture.stores->CreateDatabase("default_tenant", "second").value();
  const json stores = json::parse(fixture.Admin("/admin/v1/stores").body)["stores"];
  REQUIRE(stores.size() == 2);
  for (const json& store : stores) {
    REQUIRE(store["tenant"] == "default_tenant");
    REQUIRE(store["damaged"] == false);
    REQUIRE(store["damage"].is_null());
    REQUIRE(store["lastUsed"].is_null());
    REQUIRE(ParseTime(store["unusedSince"].get<std::string>()).has_value());
  }
}

TEST_CASE("admin: a damaged store says so, and when it was used last", "[daemon][admin]") {
  Fixture fixture;
  REQUIRE(fixture.stores->Acquire("default_tenant", "default_database").ok());
  REQUIRE(fixture.stores->MarkDamaged("default_tenant", "default_database", "page 7 is bad").ok());
  const json store = json::parse(fixture.Admin("/admin/v1/stores").body)["stores"][0];
  REQUIRE(store["damaged"] == true);
  REQUIRE(store["damage"] == "page 7 is bad");
  REQUIRE(ParseTime(store["lastUsed"].get<std::string>()).has_value());
  const json status = json::parse(fixture.Admin("/admin/v1/status").body);
  REQUIRE(status["stores"]["damaged"] == 1);
}

TEST_CASE("admin: alive is who answers, ready is who serves", "[daemon][admin]") {
  Fixture fixture;
  REQUIRE(fixture.Admin("/healthz").status == 200);
  REQUIRE(fixture.Admin("/readyz").status == 200);
  fixture.serving = false;
  REQUIRE(fixture.Admin("/healthz").status == 200);
  REQUIRE(fixture.Admin("/readyz").status == 503);
  REQUIRE(json::parse(fixture.Admin("/admin/v1/status").body)["ready"] == false);
}

TEST_CASE("admin: the metrics listener serves metrics and health, and nothing else",
          "[daemon][admin]") {
  Fixture fixture;
  const auto status = [&](std::string_view method, std::string_view path) {
    return fixture.api.HandleMetrics(Fixture::Request(method, path)).status;
  };
  const http::Response metrics = fixture.api.HandleMetrics(Fixture::Request("GET", "/metrics"));
  REQUIRE(metrics.status == 200);
  REQUIRE(metrics.content_type.starts_with("text/plain; version=0.0.4"));
  REQUIRE(metrics.body.find("pannier_daemon_build_info") != std::string::npos);
  REQUIRE(status("GET", "/admin/v1/status") == 404);
  REQUIRE(status("GET", "/api/v2/heartbeat") == 404);
  REQUIRE(status("POST", "/metrics") == 405);
}

}  // namespace
}  // namespace pannier::admin

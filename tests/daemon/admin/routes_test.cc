// Goal: every call of docs/admin-api.md answers as it says, and refuses what it does not say.
// Method: the routes over a machine with a repository (tests/daemon/operations/machine.h).
#include "daemon/admin/routes.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/daemon/operations/machine.h"

namespace pannier::admin {
namespace {

using nlohmann::json;
using operations::Machine;

struct Answer {
  int status = 0;
  json body;
};

struct Fixture {
  Fixture() {
    machine.Start();
    machine.CreateDatabase("home");
    machine.Write("home", "a", 0, 5, "first");
    AddOperationRoutes(router, machine.executor());
    AddEventRoutes(router, machine.events());
    AddRepositoryRoutes(router, machine.services().repositories, machine.services().finder,
                        SystemClock());
    AddQuarantineRoutes(router, machine.stores(), machine.events());
  }
  // `target`: path and query.
  Answer Send(std::string_view method, const std::string& target, const std::string& body = "") {
    http::Request request;
    request.method = method;
    const size_t mark = target.find('?');
    request.path = std::string_view(target).substr(0, mark);
    if (mark != std::string::npos) request.query = std::string_view(target).substr(mark + 1);
    const std::string padded = body + std::string(http::kBodyPadding, '\0');
    request.body = std::string_view(padded).substr(0, body.size());
    const auto response = router.Answer(request);
    if (!response) return {0, nullptr};
    return {response->status, json::parse(response->body, nullptr, false)};
  }
  Answer Get(const std::string& target) { return Send("GET", "/admin/v1/" + target); }
  json Do(const json& body) { return machine.Do(body); }
  json Snapshot() {
    return Do({{"action", "snapshot"}, {"store", "default_tenant/home"}, {"repository", "r"}});
  }

  Machine machine;
  Router router;
};

TEST_CASE("admin routes: an operation is put, shown, listed, and known again", "[daemon][admin]") {
  Fixture fixture;
  const std::string path = "/admin/v1/operations/" + Uuid::Random().ToString();
  const std::string body = R"({"action":"verify","store":"default_tenant/home"})";
  const Answer put = fixture.Send("PUT", path, body);
  REQUIRE(put.status == 201);
  REQUIRE(put.body["state"] == "Pending");
  REQUIRE(fixture.Send("PUT", path, body).status == 200);
  REQUIRE(
      fixture.Send("PUT", path, R"({"action":"compact","store":"default_tenant/home"})").status ==
      409);
  const json ended = fixture.machine.Await(*Uuid::Parse(put.body["uid"].get<std::string>()));
  REQUIRE(ended["result"]["sound"] == true);
  REQUIRE(ended["result"]["records"] == 5);
  REQUIRE(fixture.Send("GET", path).body == ended);
  REQUIRE(fixture.Get("operations?limit=1").body["operations"][0] == ended);
  REQUIRE(fixture.Send("POST", path + "/cancel").status == 200);
  REQUIRE(fixture.Send("POST", path + "/grants", R"({"grants":[]})").status == 409);
}

TEST_CASE("admin routes: what is wrong is refused with a status that says what to do",
          "[daemon][admin]") {
  Fixture fixture;
  const std::string one = "/admin/v1/operations/" + Uuid::Random().ToString();
  REQUIRE(fixture.Send("PUT", "/admin/v1/operations/seven", "{}").status == 400);
  REQUIRE(fixture.Send("PUT", one, "{").status == 400);
  REQUIRE(fixture.Send("PUT", one, R"({"action":"verify","store":"default_tenant/gone"})").status ==
          404);
  const Answer unknown = fixture.Send(
      "PUT", one,
      R"({"action":"snapshot","store":"default_tenant/home","repository":"elsewhere"})");
  REQUIRE(unknown.status == 404);
  REQUIRE(unknown.body["hint"].get<std::string>().find("r") != std::string::npos);
  REQUIRE(fixture.Send("GET", one).status == 404);
  REQUIRE(fixture.Send("DELETE", one).status == 405);
  REQUIRE(fixture.Get("operations?limit=many").status == 400);
  REQUIRE(fixture.Send("POST", one + "/grants", R"({"grants":[{"method":"PATCH"}]})").status ==
          400);
  REQUIRE(fixture.Get("nothing").status == 0);
  fixture.Send("PUT", one, R"({"action":"verify","store":"default_tenant/home","epoch":9})");
  REQUIRE(fixture
              .Send("PUT", "/admin/v1/operations/" + Uuid::Random().ToString(),
                    R"({"action":"verify","store":"default_tenant/home","epoch":8})")
              .status == 403);
}

TEST_CASE("admin routes: snapshots are listed, shown and compared", "[daemon][admin]") {
  Fixture fixture;
  REQUIRE(fixture.Get("repositories").body["repositories"][0]["state"] == "NotInitialised");
  REQUIRE(fixture.Get("repositories/r/snapshots").status == 404);
  fixture.Do({{"action", "repositoryInit"}, {"repository", "r"}});
  REQUIRE(fixture.Get("repositories").body["repositories"][0]["state"] == "Ready");
  const json first = fixture.Snapshot();
  fixture.machine.Write("home", "b", 0, 2, "second");
  fixture.machine.Write("home", "a", 5, 1, "second");
  const json second = fixture.Snapshot();

  const json list = fixture.Get("repositories/r/snapshots?store=default_tenant%2Fhome").body;
  REQUIRE(list["snapshots"].size() == 2);
  REQUIRE(list["snapshots"][0]["uid"] == second["uid"]);
  REQUIRE(list["snapshots"][0]["verified"] == true);
  REQUIRE(list["snapshots"][1]["records"] == 5);
  REQUIRE(fixture.Get("repositories/r/snapshots?store=default_tenant/x").body["snapshots"].empty());
  REQUIRE(fixture.Get("repositories/r/snapshots?store=x").status == 400);

  const std::string uid = second["uid"].get<std::string>();
  const json shown = fixture.Get("repositories/r/snapshots/" + uid).body;
  REQUIRE(shown["collections"].size() == 2);
  REQUIRE(shown["parent"] == first["uid"]);
  REQUIRE(shown["verification"]["level"] == "Deep");
  REQUIRE(fixture.Get("repositories/r/snapshots/" + Uuid::Random().ToString()).status == 404);

  const json diff =
      fixture.Get("repositories/r/diff?from=" + first["uid"].get<std::string>() + "&to=" + uid)
          .body;
  REQUIRE(diff["collections"]["added"][0]["name"] == "b");
  REQUIRE(diff["collections"]["changed"][0]["records"] == 6);
  REQUIRE(diff["collections"]["changed"][0]["recordsBefore"] == 5);
  REQUIRE(diff["added"]["chunks"] >= 1);
  REQUIRE(fixture.Get("repositories/r/diff?from=" + uid).status == 400);
}

TEST_CASE("admin routes: what a restore replaced is listed, comes back, or is removed",
          "[daemon][admin]") {
  Fixture fixture;
  fixture.Do({{"action", "repositoryInit"}, {"repository", "r"}});
  fixture.Snapshot();
  fixture.machine.Write("home", "a", 5, 5, "second");
  const json restored = fixture.Do({{"action", "restore"},
                                    {"store", "default_tenant/home"},
                                    {"repository", "r"},
                                    {"latest", true}});
  REQUIRE(restored["restored"][0]["records"] == 5);
  const json list = fixture.Get("quarantine").body["quarantine"];
  REQUIRE(list.size() == 1);
  REQUIRE(list[0]["id"] == restored["quarantined"]);
  REQUIRE(list[0]["why"] == "restore");
  REQUIRE_FALSE(list[0]["expires"].is_null());
  const std::string path = "/admin/v1/quarantine/" + list[0]["id"].get<std::string>();
  REQUIRE(fixture.Send("POST", path + "/release", R"({"store":"default_tenant/home"})").status ==
          409);
  REQUIRE(fixture.Send("POST", path + "/release", R"({})").status == 400);
  REQUIRE(fixture.Send("POST", path + "/release", R"({"store":"default_tenant/old"})").status ==
          200);
  REQUIRE(fixture.machine.Read("old")->at("a").size() == 10);
  REQUIRE(fixture.Send("DELETE", path).status == 404);
}

TEST_CASE("admin routes: events are numbered, and say what was done", "[daemon][admin]") {
  Fixture fixture;
  fixture.Do({{"action", "repositoryInit"}, {"repository", "r"}});
  fixture.Snapshot();
  const json page = fixture.Get("events").body;
  REQUIRE(page["events"].size() == 2);
  REQUIRE(page["events"][0]["number"] == 1);
  REQUIRE(page["events"][1]["reason"] == "SnapshotTaken");
  REQUIRE(page["events"][1]["store"] == "default_tenant/home");
  REQUIRE(page["last"] == 2);
  REQUIRE(fixture.Get("events?after=1").body["events"].size() == 1);
  REQUIRE(fixture.Get("events?after=2").body["events"].empty());
}

}  // namespace
}  // namespace pannier::admin

// Goal: every call of docs/admin-api.md answers as it says, and refuses what it does not say.
// Method: the routes over a machine with a repository (tests/daemon/operations/machine.h).
#include "daemon/admin/routes.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "daemon/api/api.h"
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
    AddSessionRoutes(router, machine.sessions());
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
  REQUIRE(fixture.Send("POST", one + "/cancel?epoch=8").status == 403);
  REQUIRE(fixture.Send("POST", one + "/cancel?epoch=new").status == 400);
  REQUIRE(fixture.Send("POST", one + "/cancel?epoch=9").status == 200);
  REQUIRE(fixture.Send("POST", one + "/grants", R"({"grants":[],"epoch":8})").status == 403);
  const auto grant_with = [&](const std::string& header) {
    return fixture
        .Send(
            "POST", one + "/grants",
            R"({"caBundle":"PEM","grants":[{"method":"PUT","key":"a","url":"https://x/a","headers":{")" +
                header + R"(":"AES256"}}]})")
        .status;
  };
  REQUIRE(grant_with("x-amz-server-side-encryption") == 409);  // sound, but it waits for none
  REQUIRE(grant_with("authorization") == 400);
  REQUIRE(fixture.Send("POST", one + "/grants", R"({"grants":[],"caBundle":7})").status == 400);
  REQUIRE(fixture.Send("POST", one + "/grants", R"({"grants":[],"epoch":-1})").status == 400);
  REQUIRE(fixture.Send("POST", one + "/grants", R"({"grants":[],"epoch":9})").status == 409);
}

TEST_CASE("admin routes: a manifest that was torn after it was read is found and named",
          "[daemon][admin]") {
  Fixture fixture;
  fixture.Do({{"action", "repositoryInit"}, {"repository", "r"}});
  const json check{{"action", "repositoryCheck"}, {"repository", "r"}};
  const json snapshot = fixture.Snapshot();
  REQUIRE(fixture.Do(check)["sound"] == true);
  const SteadyTime soon = SystemClock().Steady() + std::chrono::seconds(60);
  const auto repository = fixture.machine.services().repositories.Open("r", soon).value();
  REQUIRE(repository->objects()
              .Put(snapshot["manifest"].get<std::string>(), "{",
                   repository::ObjectStore::IfPresent::kReplace, soon)
              .ok());
  const json found = fixture.Do(check);
  REQUIRE(found["sound"] == false);
  REQUIRE(found["unreadable"] == 1);
  REQUIRE(found["messages"][0].get<std::string>().find(snapshot["uid"].get<std::string>()) !=
          std::string::npos);
  REQUIRE(fixture.Get("repositories/r/snapshots").body["unreadable"] == 1);
  const auto gc = fixture.machine.Submit({{"action", "repositoryGc"}, {"repository", "r"}});
  const json ended = fixture.machine.Await(*gc);
  REQUIRE(ended["state"] == "Failed");
  REQUIRE(ended["error"]["hint"].get<std::string>().find("snapshot delete") != std::string::npos);
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

TEST_CASE("admin routes: sessions of all owners are listed, and ended", "[daemon][admin]") {
  Fixture fixture;
  sessions::Wanted wanted;
  wanted.id = "w";
  const auto registered = fixture.machine.sessions().Register({"user:a", {}, 0}, wanted).value();
  {
    const auto creation = fixture.machine.sessions().BeginCreation({"user:a", {}, 0}, "w").value();
    REQUIRE(fixture.machine.stores()
                .CreateDatabase("default_tenant", "scratch", creation.session())
                .ok());
  }
  const json list = fixture.Get("sessions").body["sessions"];
  REQUIRE(list.size() == 1);
  REQUIRE(list[0]["owner"] == "user:a");
  REQUIRE(list[0]["id"] == "w");
  REQUIRE(list[0]["timeoutSeconds"] == 300);
  REQUIRE(list[0]["pid"].is_null());
  const std::string one = "/admin/v1/sessions/" + registered.session.uid.ToString();
  const Answer ended = fixture.Send("DELETE", one);
  REQUIRE(ended.status == 200);
  REQUIRE(ended.body["temporaryStoresRemoved"] == 1);
  REQUIRE(fixture.Send("DELETE", one).status == 404);
  REQUIRE(fixture.Send("DELETE", "/admin/v1/sessions/w").status == 400);
}

TEST_CASE("admin routes: a sweep ends the sessions it is told, and says what went with them",
          "[daemon][admin]") {
  Fixture fixture;
  auto& sessions = fixture.machine.sessions();
  const auto uid_of = [&](const std::string& id) {
    sessions::Wanted wanted;
    wanted.id = id;
    return sessions.Register({"user:a", {}, 0}, wanted).value().session.uid.ToString();
  };
  const std::string one = uid_of("one"), two = uid_of("two");
  {
    const auto creation = sessions.BeginCreation({"user:a", {}, 0}, "one").value();
    REQUIRE(fixture.machine.stores()
                .CreateDatabase("default_tenant", "scratch", creation.session())
                .ok());
  }
  const json looked = fixture.Do({{"action", "sweep"}, {"sessionIdleSeconds", 0}})["sessions"];
  REQUIRE(looked["foundTotal"] == 2);
  REQUIRE(looked["ended"] == 0);
  json body = {{"action", "sweep"},
               {"what", "Sessions"},
               {"mode", "Quarantine"},
               {"sessionIdleSeconds", 0},
               {"sessions", {one}}};
  REQUIRE(fixture.Do(body)["sessions"]["ended"] == 0);  // they cannot be put aside
  body["mode"] = "Delete";
  const json swept = fixture.Do(body);
  REQUIRE(swept["sessions"]["ended"] == 1);
  REQUIRE(swept["sessions"]["temporaryStoresRemoved"] == 1);
  REQUIRE(swept["sessions"]["connectionsClosed"] == 0);
  REQUIRE(swept["sessions"]["found"][0]["uid"] == one);
  REQUIRE(swept["foundTotal"] == 0);
  REQUIRE(sessions.List().size() == 1);
  body["what"] = "Files";
  body["sessions"] = {two};
  REQUIRE(fixture.Do(body)["sessions"]["ended"] == 0);
  const std::string path = "/admin/v1/operations/" + Uuid::Random().ToString();
  REQUIRE(fixture.Send("PUT", path, R"({"action":"sweep","sessions":["x"]})").status == 400);
}

TEST_CASE("admin routes: workers' doors know none of them", "[daemon][admin]") {
  Fixture fixture;
  const api::Api api(fixture.machine.stores(), SystemClock(), {}, {});
  const std::vector<std::string> labels = fixture.router.labels();
  REQUIRE(labels.size() >= 15);
  for (const std::string& label : labels) {
    CAPTURE(label);
    const size_t space = label.find(' ');
    const std::string path = label.substr(space + 1);
    http::Request request;
    request.method = std::string_view(label).substr(0, space);
    request.path = path;
    const http::Response response = api.Handle(request);
    REQUIRE(response.status == 404);
    REQUIRE(response.body.empty());
  }
}

}  // namespace
}  // namespace pannier::admin

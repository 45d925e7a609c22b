// Goal: a daemon without credentials takes a snapshot, and restores one, by URLs that are granted
// to it one by one. Method: a server that keeps objects in memory; a loop that grants what the
// operation wants, as the operator does.
#include <catch2/catch.hpp>
#include <thread>

#include "lib/core/mutex.h"
#include "lib/http/server.h"
#include "tests/daemon/operations/machine.h"

namespace pannier::operations {
namespace {

using nlohmann::json;

// PUT, GET, and If-None-Match: *, as S3 has them.
class Bucket {
 public:
  Bucket() : server_({"bucket", {}, nullptr}) {
    server_.Add({"", "127.0.0.1:0", 0, "",
                 [this](const http::Request& request) { return Answer(request); }});
    server_.Start().value();
  }
  std::string url() const { return server_.addresses()[0]; }
  std::map<std::string, std::string> objects() {
    MutexLock lock(mutex_);
    return objects_;
  }

 private:
  http::Response Answer(const http::Request& request) {
    MutexLock lock(mutex_);
    const std::string key(request.path.substr(1));
    const auto found = objects_.find(key);
    http::Response response;
    response.content_type = "application/octet-stream";
    if (request.method == "PUT") {
      const bool taken = request.Header("if-none-match").has_value() && found != objects_.end();
      response.status = taken ? 412 : 200;
      if (!taken) objects_[key] = std::string(request.body);
      return response;
    }
    response.status = found == objects_.end() ? 404 : 200;
    response.body = found == objects_.end()
                        ? "<Error><Code>NoSuchKey</Code><Message>none</Message></Error>"
                        : found->second;
    return response;
  }

  Mutex mutex_;
  std::map<std::string, std::string> objects_ GUARDED_BY(mutex_);
  http::Server server_;
};

// Grants until the operation has ended; returns how often it was asked.
json Operate(Machine& machine, Bucket& bucket, const json& body) {
  const auto uid = machine.Submit(body);
  REQUIRE(uid.has_value());
  for (int i = 0; i < 60'000; ++i) {
    const json shown = machine.executor().Show(*uid).value();
    if (!shown["endedAt"].is_null()) return shown;
    std::vector<Grant> grants;
    for (const json& want : shown["wants"]) {
      REQUIRE(shown["state"] == "AwaitingGrants");
      const auto key = want["key"].get<std::string>();
      grants.push_back({want["method"].get<std::string>(), key, bucket.url() + "/" + key,
                        SystemClock().Now() + std::chrono::hours(1)});
    }
    if (!grants.empty()) {
      const Status given = machine.executor().GiveGrants(*uid, grants);
      REQUIRE((given.ok() || given.Is(Errc::kConflict)));  // it may just have ended
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return nullptr;
}

TEST_CASE("granted snapshot: taken and verified by URLs alone, from a parent too",
          "[daemon][operations]") {
  Bucket bucket;
  Machine machine;
  machine.Start();
  machine.CreateDatabase("home");
  machine.Write("home", "a", 0, 40, "first");
  json body = {{"action", "snapshot"}, {"store", "default_tenant/home"}, {"grants", true}};
  body["origin"] = "team/notes/notes-0";
  const json first = Operate(machine, bucket, body);
  CAPTURE(first.dump());
  REQUIRE(first["state"] == "Succeeded");
  REQUIRE(first["result"]["verified"] == true);
  const auto key = first["result"]["manifest"].get<std::string>();
  REQUIRE(json::parse(bucket.objects().at(key))["origin"] == "team/notes/notes-0");

  body["parentKey"] = key;
  const json second = Operate(machine, bucket, body);
  CAPTURE(second.dump());
  REQUIRE(second["state"] == "Succeeded");
  REQUIRE(second["result"]["newBytes"] == 0);
  REQUIRE(second["plan"]["parent"] == first["result"]["uid"]);
}

TEST_CASE("granted restore: a store comes back by URLs alone, from the snapshot that is named",
          "[daemon][operations]") {
  Bucket bucket;
  Machine machine;
  machine.Start();
  machine.CreateDatabase("home");
  machine.Write("home", "a", 0, 40, "first");
  const auto then = machine.Read("home");
  const json taken =
      Operate(machine, bucket,
              {{"action", "snapshot"}, {"store", "default_tenant/home"}, {"grants", true}});
  REQUIRE(taken["state"] == "Succeeded");
  machine.Write("home", "a", 40, 5, "later");
  const json manifests = json::array({taken["result"]["manifest"]});
  json body = {{"action", "restore"},
               {"store", "default_tenant/home"},
               {"grants", true},
               {"manifests", manifests},
               {"snapshot", taken["result"]["uid"]}};
  body["dryRun"] = true;
  const json plan = Operate(machine, bucket, body);
  CAPTURE(plan.dump());
  REQUIRE(plan["state"] == "Succeeded");
  REQUIRE(plan["plan"]["verified"] == true);
  REQUIRE(machine.Read("home") != then);

  body.erase("dryRun");
  const json restored = Operate(machine, bucket, body);
  CAPTURE(restored.dump());
  REQUIRE(restored["state"] == "Succeeded");
  REQUIRE(machine.Read("home") == then);

  const json checked = Operate(machine, bucket,
                               {{"action", "snapshotVerify"},
                                {"grants", true},
                                {"manifests", manifests},
                                {"snapshot", taken["result"]["uid"]}});
  CAPTURE(checked.dump());
  REQUIRE(checked["result"]["sound"] == true);

  const json mended = Operate(machine, bucket,
                              {{"action", "salvage"},
                               {"store", "default_tenant/home"},
                               {"grants", true},
                               {"manifests", manifests}});
  CAPTURE(mended.dump());
  REQUIRE(mended["plan"]["snapshot"] == taken["result"]["uid"]);
}

TEST_CASE("granted restore of all: what is named comes back, and naming nothing restores nothing",
          "[daemon][operations]") {
  Bucket bucket;
  Machine machine;
  machine.Start();
  machine.CreateDatabase("home");
  machine.Write("home", "a", 0, 40, "first");
  const auto then = machine.Read("home");
  const json taken =
      Operate(machine, bucket,
              {{"action", "snapshot"}, {"store", "default_tenant/home"}, {"grants", true}});
  json body = {
      {"action", "restore"}, {"all", true}, {"grants", true}, {"manifests", json::array()}};
  machine.Write("home", "a", 40, 5, "later");
  const json none = Operate(machine, bucket, body);
  CAPTURE(none.dump());
  REQUIRE(none["state"] == "Succeeded");
  REQUIRE(none["result"]["restored"].empty());
  body["manifests"] = json::array({taken["result"]["manifest"]});
  const json all = Operate(machine, bucket, body);
  CAPTURE(all.dump());
  REQUIRE(all["state"] == "Succeeded");
  REQUIRE(machine.Read("home") == then);

  // Who names two does not mean one.
  std::string gone = taken["result"]["manifest"];
  char& digit = gone[gone.size() - 6];  // the last one of its uid
  digit = digit == '0' ? '1' : '0';
  body["manifests"].push_back(gone);
  const json less = Operate(machine, bucket, body);
  CAPTURE(less.dump());
  REQUIRE(less["state"] == "Failed");
  REQUIRE(less["error"]["message"].get<std::string>().find(gone) != std::string::npos);
}

TEST_CASE("granted restore: keys that are no manifests are refused", "[daemon][operations]") {
  Machine machine;
  machine.Start();
  const json body = {
      {"action", "restore"}, {"all", true}, {"grants", true}, {"manifests", {"chunks/ab/cd"}}};
  REQUIRE(machine.executor().Submit(Uuid::Random(), body.dump()).Is(Errc::kInvalidArgument));
  const json both = {{"action", "restore"}, {"all", true}, {"grants", true}, {"repository", "r"}};
  REQUIRE(machine.executor().Submit(Uuid::Random(), both.dump()).Is(Errc::kInvalidArgument));
}

TEST_CASE("granted snapshot: one that is cancelled while it waits ends", "[daemon][operations]") {
  Machine machine;
  machine.Start();
  machine.CreateDatabase("home");
  const auto uid =
      machine.Submit({{"action", "snapshot"}, {"store", "default_tenant/home"}, {"grants", true}});
  json shown;
  for (int i = 0; i < 60'000 && shown["state"] != "AwaitingGrants"; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    shown = machine.executor().Show(*uid).value();
  }
  REQUIRE(shown["wants"].size() >= 1);
  machine.executor().Cancel(*uid).value();
  REQUIRE(machine.Await(*uid)["state"] == "Cancelled");
}

}  // namespace
}  // namespace pannier::operations

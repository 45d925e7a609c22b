// Goal: a pod's daemon is dialled where the pod is, and nowhere else unless a flag says so.
// Method: pods as the API has them.
#include "operator/reconcile/pods.h"

#include <catch2/catch.hpp>

namespace pannier::control {
namespace {

using Json = nlohmann::json;

Json Pod() {
  return {{"metadata",
           {{"name", "a"},
            {"uid", "u"},
            {"namespace", "n"},
            {"resourceVersion", "1"},
            {"labels", {{"pannier.dev/injected", "true"}, {"app", "x"}}},
            {"annotations", {{"pannier.dev/admin-address", "127.0.0.1:1"}, {"big", "x"}}}}},
          {"spec", {{"containers", Json::array()}}},
          {"status", {{"podIP", "10.0.0.7"}, {"phase", "Running"}, {"hostIP", "1.2.3.4"}}}};
}

}  // namespace

TEST_CASE("pods: the address is the pod's, the name is the VectorStore's",
          "[operator][reconcile]") {
  Json pod = Pod();
  TrimPod(pod);
  REQUIRE(pod["metadata"]["annotations"].size() == 1);
  REQUIRE_FALSE(pod.contains("spec"));
  const auto plain = AddressesOf({pod}, "uid", false);
  REQUIRE(plain.at(0).address == "https://10.0.0.7:9465");
  REQUIRE(plain.at(0).server_name == "uid.vectorstore.pannier.dev");
  REQUIRE(AddressesOf({pod}, "uid", true).at(0).address == "https://127.0.0.1:1");
  pod["status"]["podIP"] = "fd00::7";
  REQUIRE(AddressesOf({pod}, "uid", false).at(0).address == "https://[fd00::7]:9465");
  pod["status"]["podIP"] = "";
  REQUIRE(AddressesOf({pod}, "uid", false).at(0).address.empty());
}

TEST_CASE("pods: bare, deleted and ended pods have no daemon", "[operator][reconcile]") {
  Json bare = Pod(), leaving = Pod(), ended = Pod();
  bare["metadata"].erase("labels");
  leaving["metadata"]["deletionTimestamp"] = "2025-01-01T00:00:00Z";
  ended["status"]["phase"] = "Succeeded";
  REQUIRE(AddressesOf({bare, leaving, ended}, "uid", false).empty());
  const std::vector<PodView> views = ViewsOf({bare, leaving, ended});
  REQUIRE(views.size() == 2);
  REQUIRE_FALSE(views[0].injected);
  REQUIRE(views[1].deleting);
}

}  // namespace pannier::control

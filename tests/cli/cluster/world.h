// Commands of `kubectl pannier` run against an API in memory, on a clock that only moves when they
// wait; what happens meanwhile is the test's to say.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/cluster/commands.h"
#include "cli/cluster/kinds.h"
#include "cli/cluster/object_view.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_kube_api.h"
#include "tests/support/fake_terminal.h"

namespace pannier::cluster {

class World {
 public:
  using Json = nlohmann::json;

  test::FakeClock clock;
  test::FakeKubeApi api{clock};
  test::FakeTerminal terminal;
  std::function<void()> meanwhile = [] {};  // at each pause of a command

  Result<cli::Answer> Run(std::vector<const char*> words) {
    words.insert(words.begin(), "kubectl-pannier");
    const auto arguments = ParseArguments(static_cast<int>(words.size()), words.data());
    if (!arguments.ok()) return arguments.error();
    Session session{api, clock, terminal,
                    [this](std::chrono::milliseconds time) {
                      clock.Advance(time);
                      meanwhile();
                    },
                    arguments->ns.empty() ? "team" : arguments->ns};
    return RunIn(*arguments, session);
  }

  Json Put(const kube::Resource& kind, const std::string& name, Json spec,
           const Json& status = nullptr, const std::string& ns = "team") {
    Json object = {{"apiVersion", kind.ApiVersion()},
                   {"kind", kind.kind},
                   {"metadata", {{"name", name}, {"namespace", ns}}},
                   {"spec", std::move(spec)}};
    const Json made = api.Create(kind, object).value();
    if (status.is_null()) return made;
    return api.PatchStatus(kind, {ns, name}, "", status).value();
  }

  void VectorStore(const std::string& name = "docs") {
    Put(kVectorStores, name,
        {{"storage", {{"emptyDir", Json::object()}}}, {"repositoryRef", {{"name", "s3"}}}});
  }

  std::vector<Json> All(const kube::Resource& kind) { return ListAll(api, kind, "").value(); }

  // The only object of a kind gets this status.
  void SetStatus(const kube::Resource& kind, const Json& status) {
    const std::vector<Json> all = All(kind);
    if (all.size() != 1) return;
    const kube::ObjectKey key{kube::TextAt(all[0], "/metadata/namespace"),
                              kube::TextAt(all[0], "/metadata/name")};
    (void)api.PatchStatus(kind, key, "", status).value();
  }
};

inline nlohmann::json Condition(const char* type, const char* status, const char* reason,
                                const char* message = "") {
  return {{"type", type}, {"status", status}, {"reason", reason}, {"message", message}};
}

inline nlohmann::json Ended(const char* status, const char* reason, const char* message = "") {
  return {{"conditions", {Condition("Succeeded", status, reason, message)}}};
}

}  // namespace pannier::cluster

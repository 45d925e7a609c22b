#include "cli/cluster/waiting.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/cluster/object_view.h"
#include "cli/progress.h"
#include "lib/core/units.h"

namespace pannier::cluster {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{200};
constexpr milliseconds kLongestPause{2'000};

void Show(const json& object, cli::ProgressView* view) {
  const ConditionView state = ConditionOf(object, "Succeeded");
  std::string phase = state.reason.empty() ? "waits for the operator" : state.reason;
  if (!state.message.empty()) phase += ": " + state.message;
  const auto count = [&](const char* path) {
    return static_cast<uint64_t>(std::max<int64_t>(0, NumberAt(object, path).value_or(0)));
  };
  view->Show(phase, count("/status/stores/succeeded") + count("/status/stores/failed"),
             count("/status/stores/total"));
}

// The state that it was last seen in, for who waited in vain.
std::string LastState(const json& object) {
  const ConditionView state = ConditionOf(object, "Succeeded");
  if (state.reason.empty()) return "; the operator has not looked at it";
  return "; it is " + state.reason + (state.message.empty() ? "" : ": " + state.message);
}

}  // namespace

Result<json> Await(Session& session, const kube::Resource& resource, const kube::ObjectKey& key,
                   milliseconds timeout, const std::function<bool(const json& object)>& done) {
  const std::string name = std::string(resource.kind) + " " + key.ToString();
  const SteadyTime deadline = session.clock.Steady() + timeout;
  cli::ProgressView view(session.terminal);
  json last;
  for (milliseconds pause = kFirstPause;; pause = std::min(pause * 3 / 2, kLongestPause)) {
    Result<json> object = session.api.Get(resource, key);
    if (object.Is(Errc::kNotFound)) {
      return NotFound(name + " was deleted by somebody", "look at the events: kubectl get events");
    }
    const bool may_pass = object.Is(Errc::kUnavailable) || object.Is(Errc::kDeadlineExceeded);
    if (!object.ok() && !may_pass) return object;
    if (object.ok()) {
      if (done(*object)) return object;
      last = std::move(object).value();
      Show(last, &view);
    }
    if (session.clock.Steady() >= deadline) {
      view.Clear();
      return DeadlineExceeded(
          name + " has not come to its end within " + FormatDuration(timeout) + LastState(last),
          "it goes on: kubectl describe " + std::string(resource.plural) + ".pannier.dev " +
              key.name + " -n " + key.ns);
    }
    session.sleep(pause);
  }
}

}  // namespace pannier::cluster

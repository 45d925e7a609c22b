#include "daemon/operations/action_runner.h"

#include <algorithm>

#include "daemon/operations/members.h"

namespace pannier::operations {
namespace {

constexpr auto kGlance = std::chrono::milliseconds(200);  // between looks at the stop flag

bool IsGranted(const Want& want, const std::vector<Grant>& grants) {
  return std::any_of(grants.begin(), grants.end(), [&](const Grant& grant) {
    return grant.method == want.method && grant.key == want.key;
  });
}

}  // namespace

Hold StoreHold(const StoreName& store) { return {"store " + ToString(store), false}; }
Hold RepositoryHold(const std::string& name, bool shared) { return {"repository " + name, shared}; }
Hold AllStoresHold(bool shared) { return {"all stores", shared}; }

void Context::SetPlan(nlohmann::json plan) {
  MutexLock lock(shared_.mutex);
  shared_.plan = std::move(plan);
}

Status Context::Enter(std::string phase) {
  if (Stopped()) return DeadlineExceeded("stopped before " + phase);
  MutexLock lock(shared_.mutex);
  shared_.phase = std::move(phase);
  shared_.done = 0;
  shared_.total = 0;
  return {};
}

store::Progress Context::Progress() {
  return [this](uint64_t done, uint64_t total) {
    {
      MutexLock lock(shared_.mutex);
      shared_.done = done;
      shared_.total = total;
    }
    return !Stopped();
  };
}

bool Context::Stopped() const { return shared_.stop.load() || clock_.Steady() >= deadline_; }

Result<std::vector<Grant>> Context::AwaitGrants(std::vector<Want> wants,
                                                std::chrono::seconds patience) {
  const SteadyTime until = std::min(deadline_, clock_.Steady() + patience);
  MutexLock lock(shared_.mutex);
  shared_.wants = std::move(wants);
  const auto complete = [this]() REQUIRES(shared_.mutex) {
    return std::all_of(shared_.wants.begin(), shared_.wants.end(),
                       [this](const Want& want)
                           REQUIRES(shared_.mutex) { return IsGranted(want, shared_.grants); });
  };
  bool all = complete();
  while (!all && !shared_.stop.load() && clock_.Steady() < until) {
    shared_.changed.WaitFor(shared_.mutex, kGlance);
    all = complete();
  }
  shared_.wants.clear();
  if (!all) {
    return DeadlineExceeded("the URLs that this operation asked for were not granted in time",
                            "POST them to …/grants while the state is AwaitingGrants");
  }
  std::vector<Grant> grants = std::move(shared_.grants);
  shared_.grants.clear();
  return grants;
}

}  // namespace pannier::operations

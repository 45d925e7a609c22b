#include "daemon/operations/action_runner.h"

#include "daemon/operations/members.h"

namespace pannier::operations {
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

void Context::SetWants(std::vector<Want> wants) {
  MutexLock lock(shared_.mutex);
  shared_.wants = std::move(wants);
}

void Context::TakeGrants(std::function<Status(const Grant&)> on_grant,
                         std::function<void()> on_stop) {
  {
    MutexLock lock(shared_.desk_mutex);
    shared_.on_grant = std::move(on_grant);
    shared_.on_stop = std::move(on_stop);
  }
  if (shared_.stop.load()) shared_.Stop();  // which came before there was anybody to tell
}

void Context::Shared::Stop() {
  stop = true;
  MutexLock lock(desk_mutex);
  if (on_stop) on_stop();
}

}  // namespace pannier::operations

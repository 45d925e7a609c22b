// The six controllers and the seven watches that feed them. Watches run from Start() on, in every
// replica, since the webhook reads the caches too; controllers run between Lead() and Follow().
// Threads: Start(), Lead(), Follow(), Stop() one at a time; the rest from any. Lifetime: all
// arguments outlive it.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "operator/kube/controller.h"
#include "operator/kube/watcher.h"
#include "operator/reconcile/context.h"

namespace pannier::control {

class Controllers {
 public:
  // `ns`: the only namespace that is watched; "" for all.
  Controllers(kube::Api& api, Caches& caches, Context& context, const std::string& ns,
              const kube::RuntimeMetrics& metrics);
  ~Controllers();

  void Start();
  void Lead();
  // Returns when no reconciler runs any more.
  void Follow();
  void Stop();

  // A line for each watch: kind, whether it is synced, how long ago the API last said something.
  std::string Describe() const;
  // Seconds since the API last said something, by kind.
  std::map<std::string, double> WatchAges() const;

 private:
  void AddController(const kube::Resource& resource, const std::string& name, int workers,
                     Result<kube::Action> (*reconcile)(Context&, const kube::ObjectKey&));
  void AddWatcher(const kube::Resource& resource, const std::string& label);
  void CountTransfers();
  void Wake(const Transfers::Who& who);
  void OnChange(const kube::Resource& resource, const kube::Change& change);

  kube::Api& api_;
  Caches& caches_;
  Context& context_;
  const std::string ns_;
  const kube::RuntimeMetrics metrics_;
  std::map<std::string, std::unique_ptr<kube::Controller>, std::less<>> controllers_;  // by plural
  std::vector<std::unique_ptr<kube::Watcher>> watchers_;
  std::atomic<bool> leads_ = false;  // between Lead() and Follow()
};

}  // namespace pannier::control

// A Kubernetes API in memory, for tests of what uses one. Passes the same suite as the real API
// server (tests/operator/kube/api_suite.h): versions, conflicts, preconditions, finalizers, pages,
// watches, expiry. Does not validate; knows one field manager; takes any kind, each with a status
// subresource.
// Threads: any.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "operator/kube/api.h"

namespace pannier::test {

class FakeKubeApi final : public kube::Api {
 public:
  explicit FakeKubeApi(const Clock& clock) : clock_(clock) {}

  Result<nlohmann::json> Get(const kube::Resource& resource, const kube::ObjectKey& key) override;
  Result<kube::ListPage> List(const kube::Resource& resource, const kube::ListRequest& request,
                              const ItemSink& sink) override;
  Status Watch(const kube::Resource& resource, const kube::WatchRequest& request,
               kube::WatchSink& sink, std::stop_token stop) override;
  Result<nlohmann::json> Create(const kube::Resource& resource,
                                const nlohmann::json& object) override;
  Result<nlohmann::json> Update(const kube::Resource& resource,
                                const nlohmann::json& object) override;
  Status Delete(const kube::Resource& resource, const kube::ObjectKey& key,
                const kube::Preconditions& preconditions) override;
  Result<nlohmann::json> PatchJson(const kube::Resource& resource, const kube::ObjectKey& key,
                                   const nlohmann::json& operations) override;
  Result<nlohmann::json> Apply(const kube::Resource& resource, const kube::ObjectKey& key,
                               const nlohmann::json& object, bool force) override;
  Result<nlohmann::json> PatchStatus(const kube::Resource& resource, const kube::ObjectKey& key,
                                     std::string_view resource_version,
                                     const nlohmann::json& status) override;
  Result<nlohmann::json> GetPath(std::string_view path) override;

  // Asked before every call with its verb ("get", "list", "watch", "create", "update", "delete",
  // "patch", "apply", "status"); an error is the call's. Must be safe to call from any thread.
  using Before = std::function<Status(std::string_view verb, const kube::Resource& resource,
                                      const kube::ObjectKey& key)>;
  void SetBefore(Before before);
  // Asked after every write that was carried out: true loses its reply (kUnavailable).
  using Loses = std::function<bool(std::string_view verb)>;
  void SetLoses(Loses loses);
  // What GetPath answers for `path`.
  void SetPath(const std::string& path, nlohmann::json answer);
  // The API forgets: watches from any version so far, and continue tokens, get 410.
  void Compact();
  // Ends the watches that run now, in good order.
  void EndWatches();
  // Of calls that changed something, since the beginning.
  int64_t writes() const;

 private:
  using Json = nlohmann::json;
  struct Event {
    int64_t version = 0;
    std::string kind;
    kube::WatchSink::Type type = kube::WatchSink::Type::kAdded;
    Json before, after;
  };
  using Objects = std::map<kube::ObjectKey, Json>;

  Status Ask(std::string_view verb, const kube::Resource& resource, const kube::ObjectKey& key);
  Result<Json> Reply(std::string_view verb, Json answer) REQUIRES(mutex_);
  Result<Json*> Find(const kube::Resource& resource, const kube::ObjectKey& key) REQUIRES(mutex_);
  // Stores `after` in the place of `*stored` as a new version; removes it when nothing holds it.
  Json Store(const kube::Resource& resource, Json* stored, Json after) REQUIRES(mutex_);
  void Tell(const kube::Resource& resource, kube::WatchSink::Type type, Json before, Json after)
      REQUIRES(mutex_);
  // The next event for this watch, as its reader sees it; moves `*at` behind it.
  bool NextEvent(const kube::Resource& resource, const kube::WatchRequest& request, size_t* at,
                 Event* event) REQUIRES(mutex_);

  const Clock& clock_;
  mutable Mutex mutex_;
  CondVar changed_;
  Before before_ GUARDED_BY(mutex_);
  Loses loses_ GUARDED_BY(mutex_);
  std::map<std::string, Objects> objects_ GUARDED_BY(mutex_);
  std::map<std::string, Json> applied_ GUARDED_BY(mutex_);             // what Apply() said last
  std::map<std::string, std::vector<Json>> rests_ GUARDED_BY(mutex_);  // of lists, by token
  std::map<std::string, Json> paths_ GUARDED_BY(mutex_);
  std::vector<Event> events_ GUARDED_BY(mutex_);
  int64_t version_ GUARDED_BY(mutex_) = 100;
  int64_t oldest_version_ GUARDED_BY(mutex_) = 0;
  int64_t writes_ GUARDED_BY(mutex_) = 0;
  int64_t watch_round_ GUARDED_BY(mutex_) = 0;
};

}  // namespace pannier::test

// The Kubernetes API as the operator uses it: a seam. ApiServer speaks to the real one, GuardedApi
// refuses what only a leader may do, tests/support has one in memory that passes the same tests.
//
// Objects come and go as JSON trees. Every call blocks, has a deadline, and reads no more than a
// bound. Nothing is retried here but what the server asked to send again later (429): retries are
// the queue's and the watch's.
//
// Errors of every call, besides its own; `what` ends in the API's message, `hint` names the fields
// it found wrong ("field spec.schedule: …"):
//   kInvalidArgument    400, 413, 422: the object or request is wrong, or a webhook said no
//   kNotFound           404: no such object, or no such kind
//   kConflict           409: it exists, or a precondition did not hold; 410: the version or
//                       continue token is too old: list again
//   kPermissionDenied   401, 403
//   kResourceExhausted  an answer beyond its bound
//   kUnimplemented      405, 406, 415, 501
//   kDeadlineExceeded   504, or no answer in time; a write may have happened
//   kUnavailable        other 5xx, no connection, or it broke: a write may have happened; 429 for
//                       longer than the deadline: it has not
//   kInternal           an answer that is no JSON
// Threads: any.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "lib/core/result.h"
#include "operator/kube/object.h"

namespace pannier::kube {

struct ListRequest {
  std::string ns;              // "" for all
  std::string label_selector;  // "pannier.dev/vectorstore", "a=b,c!=d"
  uint32_t limit = 500;
  std::string continue_token;  // of the page before; "" for the first
};

struct ListPage {
  std::string resource_version;
  std::string continue_token;  // "" on the last page
};

struct WatchRequest {
  std::string ns;
  std::string label_selector;
  std::string resource_version;
  // The server ends the watch then; a socket that is silent for 5 s more is given up.
  std::chrono::seconds timeout{290};
};

class WatchSink {
 public:
  enum class Type { kAdded, kModified, kDeleted, kBookmark };
  virtual ~WatchSink() = default;
  // The server accepted the watch.
  virtual void OnOpen() = 0;
  // The sink may change the tree. Of a bookmark only metadata.resourceVersion counts.
  virtual void OnEvent(Type type, nlohmann::json& object) = 0;
};

struct Preconditions {
  std::string uid;               // "" for any
  std::string resource_version;  // "" for any
};

class Api {
 public:
  // Gets each item of a page, one at a time; may change it.
  using ItemSink = std::function<void(nlohmann::json& item)>;

  virtual ~Api() = default;

  virtual Result<nlohmann::json> Get(const Resource& resource, const ObjectKey& key) = 0;

  // One page. After an error `sink` may have seen some of its items.
  //   kResourceExhausted  also: the page is longer than the bound; ask for fewer items
  virtual Result<ListPage> List(const Resource& resource, const ListRequest& request,
                                const ItemSink& sink) = 0;

  // Blocks until the watch ends: ok when the server ended it in good order or `stop` was requested.
  //   kConflict           the version is too old (410, as a status or as an event): list again
  //   kResourceExhausted  an event longer than the bound
  virtual Status Watch(const Resource& resource, const WatchRequest& request, WatchSink& sink,
                       std::stop_token stop) = 0;

  // The object says its namespace and its name or generateName. Returns it as stored.
  //   kConflict  one of that name exists
  virtual Result<nlohmann::json> Create(const Resource& resource, const nlohmann::json& object) = 0;

  // Replaces all but the status; conflicts when the object's resourceVersion is not the newest.
  virtual Result<nlohmann::json> Update(const Resource& resource, const nlohmann::json& object) = 0;

  // Asks for deletion; what depends on it goes in the background. Finalizers may keep it a while.
  //   kNotFound  it has gone already: most callers use DeleteIfPresent()
  //   kConflict  it is another object than the preconditions name
  virtual Status Delete(const Resource& resource, const ObjectKey& key,
                        const Preconditions& preconditions) = 0;

  // RFC 6902. A finalizer is removed with a `test` of its place, so that a list that changed
  // meanwhile is not damaged.
  //   kInvalidArgument  also: a `test` failed (the API answers 422)
  virtual Result<nlohmann::json> PatchJson(const Resource& resource, const ObjectKey& key,
                                           const nlohmann::json& operations) = 0;

  // Server-side apply under our one field manager; creates what is absent. With `force` our fields
  // are taken from other managers, else
  //   kConflict  another manager owns one of them
  virtual Result<nlohmann::json> Apply(const Resource& resource, const ObjectKey& key,
                                       const nlohmann::json& object, bool force) = 0;

  // Merges into the status. A member that is null is removed.
  //   kConflict  the object is no longer at `resource_version` ("" for whatever version)
  virtual Result<nlohmann::json> PatchStatus(const Resource& resource, const ObjectKey& key,
                                             std::string_view resource_version,
                                             const nlohmann::json& status) = 0;

  // Any document of the API, for discovery: "/apis/pannier.dev", "/version".
  virtual Result<nlohmann::json> GetPath(std::string_view path) = 0;
};

// As Api::Delete, but what has gone already is what was wanted.
Status DeleteIfPresent(Api& api, const Resource& resource, const ObjectKey& key,
                       const Preconditions& preconditions);

// Puts `finalizer` among the object's; `tree` is the object as read, which must not have changed
// since (kConflict). Nothing happens when it is there. Returns the object's resourceVersion then.
Result<std::string> AddFinalizer(Api& api, const Resource& resource, const nlohmann::json& tree,
                                 std::string_view finalizer);
// Takes it away again; an object that has gone, or has no such finalizer, is fine.
Status RemoveFinalizer(Api& api, const Resource& resource, const nlohmann::json& tree,
                       std::string_view finalizer);

}  // namespace pannier::kube

// The objects of one kind as the API last told: trimmed, immutable, looked up by key or by an
// index.
//
// A list replaces everything in one step (Swap), so that readers never see half of it; what it
// lacks is reported as deleted. An event for an object that carries another uid than the cached one
// is a deletion and a creation. Objects are handed out as shared pointers to what never changes.
// Threads: any; a change and its indexes become visible together.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/core/mutex.h"
#include "lib/core/result.h"
#include "operator/kube/object.h"

namespace pannier::kube {

// What happened to one key. Both pointers for a change, one for a creation or a deletion.
struct Change {
  ObjectPtr before, after;
};

class Cache {
 public:
  // Removes from an object what nobody reads, before it is kept.
  using Trim = std::function<void(nlohmann::json& tree)>;
  // The values under which an object is found, e.g. the name of the VectorStore that it refers to.
  using IndexValues = std::function<std::vector<std::string>(const nlohmann::json& tree)>;
  struct Index {
    std::string name;
    IndexValues values;
  };
  struct Entry {
    ObjectPtr object;
    std::vector<std::vector<std::string>> index_values;  // per index
  };

  // TrimCommon() is done in any case.
  explicit Cache(Trim trim = nullptr, std::vector<Index> indexes = {});

  // What would be kept of this tree, which is trimmed by it. Changes nothing. A version that is
  // cached already shares the cached object, so that a list does not hold everything twice.
  //   kInvalidArgument  as MakeObject
  Result<Entry> Prepare(nlohmann::json& tree) const;

  // Makes exactly these the content. Returns what differs, deletions first. Afterwards synced().
  std::vector<Change> Swap(std::vector<Entry> entries);
  // Nothing differs (the same uid and version): no change is returned.
  std::vector<Change> Put(Entry entry);
  // Removes the object unless another of the same name has taken its place.
  std::vector<Change> Remove(const ObjectKey& key, std::string_view uid);

  // Null when there is none.
  ObjectPtr Find(const ObjectKey& key) const;
  // Sorted by key; of one namespace, or of all ("").
  std::vector<ObjectPtr> All(std::string_view ns = "") const;
  // Sorted by key. CHECKs that there is such an index.
  std::vector<ObjectPtr> By(std::string_view index, const std::string& value) const;
  std::vector<ObjectKey> Keys() const;
  size_t size() const;
  // Whether a list has come through: before, that an object is missing means nothing.
  bool synced() const;
  // Bytes of the objects' texts, about.
  uint64_t bytes() const;

 private:
  using Entries = std::map<ObjectKey, Entry>;
  void Insert(Entry entry) REQUIRES(mutex_);
  void Erase(Entries::iterator entry) REQUIRES(mutex_);

  const Trim trim_;
  const std::vector<Index> indexes_;
  mutable Mutex mutex_;
  Entries entries_ GUARDED_BY(mutex_);
  std::vector<std::map<std::string, std::set<ObjectKey>>> by_index_ GUARDED_BY(mutex_);
  uint64_t bytes_ GUARDED_BY(mutex_) = 0;
  bool synced_ GUARDED_BY(mutex_) = false;
};

}  // namespace pannier::kube

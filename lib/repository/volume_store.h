// Objects as files below one folder of a mounted volume, at the path that their key is.
//
// A file is written under a name that is no key, in the folder "~unfinished", synced, and moved to
// its own name, whose folder is synced too. Several processes, also of several machines, may share
// the folder where the file system's rename is atomic between them. The folder itself is made by
// the first Put; until then reading finds nothing, and List() says kNotFound, so that a volume that
// is not mounted does not look like an empty one.
// Threads: any. Lifetime: `files` and `clock` outlive it. Errors: as object_store.h says; a disk's
// are not repeated, since a disk that fails does not heal by waiting.
#pragma once

#include <set>
#include <string>

#include "lib/core/mutex.h"
#include "lib/file/file_system.h"
#include "lib/repository/object_store.h"

namespace pannier::repository {

class VolumeStore final : public ObjectStore {
 public:
  VolumeStore(file::Path folder, file::FileSystem& files, const Clock& clock);

  Status Put(const std::string& key, std::string_view bytes, IfPresent present,
             SteadyTime deadline) override;
  Result<std::string> Get(const std::string& key, uint64_t bytes_max, SteadyTime deadline) override;
  Result<ObjectInfo> Stat(const std::string& key, SteadyTime deadline) override;
  Status Delete(const std::string& key, SteadyTime deadline) override;
  // kNotFound when the folder itself does not exist.
  Result<ObjectPage> List(const std::string& prefix, const std::string& after,
                          SteadyTime deadline) override;
  Result<uint64_t> RemoveUnfinished(std::chrono::seconds older_than, SteadyTime deadline) override;
  std::string Describe() const override { return folder_.string(); }

 private:
  struct Listing;

  Status CheckDeadline(std::string_view what, SteadyTime deadline) const;
  // Makes the folder, durably, when this object has not done so before.
  Status Prepare(const file::Path& folder) EXCLUDES(mutex_);
  void Forget(const file::Path& folder) EXCLUDES(mutex_);
  Status Publish(const file::Path& unfinished, const file::Path& path, std::string_view bytes,
                 IfPresent present);
  Status PutOnce(const file::Path& path, std::string_view bytes, IfPresent present);
  Status CompareWith(const file::Path& path, std::string_view bytes);
  Status Walk(Listing& listing, const std::string& below);

  const file::Path folder_;
  file::FileSystem& files_;
  const Clock& clock_;
  Mutex mutex_;
  std::set<file::Path> prepared_ GUARDED_BY(mutex_);  // folders whose names are durable
};

}  // namespace pannier::repository

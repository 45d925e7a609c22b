// The folder that holds everything: who locks it, whose it is, where things are in it.
// docs/formats/data-directory.md.
//
// Directories are named by ids made here; a name from the network never becomes a path.
// Threads: any after Open. Lifetime: holds the lock until it is destroyed.
#pragma once

#include <string>

#include "lib/core/result.h"
#include "lib/core/uuid.h"
#include "lib/file/file_lock.h"
#include "lib/file/file_system.h"

namespace pannier::store {

class DataDirectory {
 public:
  // Makes the folder when it is absent, takes its lock, and reads identity.json or makes it in an
  // empty folder.
  //   kConflict          locked; `what` names the holder
  //   kPermissionDenied  the folder cannot be made or written
  //   kInvalidArgument   it holds foreign files and no identity
  //   kUnimplemented     it was written by a newer version
  //   kCorruption        identity.json is damaged, or missing beside a catalog or stores
  static Result<DataDirectory> Open(const std::string& path, file::FileSystem& files);

  const Uuid& instance_id() const { return instance_id_; }
  const std::string& path() const { return path_; }
  std::string catalog_path() const { return path_ + "/catalog.db"; }
  std::string stores_path() const { return path_ + "/stores"; }
  std::string store_path(const Uuid& store) const { return stores_path() + "/" + store.ToString(); }
  std::string probe_path() const { return path_ + "/probe"; }
  std::string reserve_path() const { return path_ + "/reserve"; }
  std::string staging_path() const { return path_ + "/staging"; }
  std::string staging_path(const Uuid& operation) const {
    return staging_path() + "/" + operation.ToString();
  }
  std::string quarantine_path() const { return path_ + "/quarantine"; }
  // What is kept in the catalog: a path below this directory, relative to it.
  std::string At(const std::string& relative) const { return path_ + "/" + relative; }
  static std::string StoreAt(const Uuid& store) { return "stores/" + store.ToString(); }
  // Whether a name in the directory itself is one that belongs there.
  static bool Knows(const std::string& name);

 private:
  DataDirectory(std::string path, file::FileLock lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  Status ReadOrMakeIdentity(file::FileSystem& files);

  std::string path_;
  file::FileLock lock_;
  Uuid instance_id_;
};

}  // namespace pannier::store

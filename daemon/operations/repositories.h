// The repositories of the configuration: opened when first needed, and known again ever after.
//
// The identity seen first under a name is kept in a file of the data directory
// (docs/formats/data-directory.md). Another one later (a bucket emptied, a volume not mounted or
// swapped) is refused before anything is read, deleted or restored; Initialise(), which a person
// asks for, adopts what is there.
// Threads: any. Lifetime: `files` and `clock` outlive it; it outlives what it opened.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "lib/core/result.h"
#include "lib/core/uuid.h"
#include "lib/file/file_system.h"
#include "lib/repository/object_store.h"
#include "lib/repository/repository.h"
#include "lib/repository/s3_store.h"

namespace pannier::operations {

struct RepositorySettings {
  std::string name;
  std::string volume_path;                  // a volume, if not empty
  std::optional<repository::S3Options> s3;  // else
  std::string_view type() const { return s3 ? "s3" : "volume"; }
};

using MakeObjects = std::function<Result<std::unique_ptr<repository::ObjectStore>>(
    const RepositorySettings& settings)>;
// Folders and S3, as configured.
MakeObjects RealObjects(file::FileSystem& files, const Clock& clock);

struct RepositoryState {
  std::string name, type, location;
  std::string state;  // "Ready", "NotInitialised", "Refused", "Unavailable", "Unknown"
  Uuid id;            // as remembered; nil: never seen
  std::string message;
};

class Repositories {
 public:
  // `memory`: the file that keeps identities.
  Repositories(std::vector<RepositorySettings> settings, std::string memory, MakeObjects make,
               file::FileSystem& files, const Clock& clock);
  ~Repositories();

  //   kNotFound  no such name; the hint lists them
  Status CheckName(const std::string& name) const;
  // Reads its identity and compares it with the remembered one.
  //   kNotFound  also: it was never initialised
  //   kConflict  it is another one than before, or foreign
  Result<std::unique_ptr<repository::Repository>> Open(const std::string& name,
                                                       SteadyTime deadline);
  // Makes an empty one, or adopts the one that is there.
  Result<std::unique_ptr<repository::Repository>> Initialise(const std::string& name,
                                                             SteadyTime deadline);
  // What is known of each; `look`: asks them anew, one after the other.
  std::vector<RepositoryState> List(bool look, SteadyTime deadline);
  // How many of a type answered when last asked, of how many.
  struct Health {
    uint64_t configured = 0, up = 0;
  };
  std::map<std::string, Health> health() const;

 private:
  struct Entry {
    RepositorySettings settings;
    std::unique_ptr<repository::ObjectStore> objects;
    std::optional<Uuid> id;
    std::string state = "Unknown", message;
  };

  Entry* Find(const std::string& name) const;
  Result<repository::ObjectStore*> Objects(Entry& entry) EXCLUDES(mutex_);
  Result<std::unique_ptr<repository::Repository>> Keep(
      Entry& entry, Result<std::unique_ptr<repository::Repository>> opened, bool adopt)
      EXCLUDES(mutex_);
  void Recall();
  Status Remember() EXCLUDES(mutex_);

  const std::string memory_;
  const MakeObjects make_;
  file::FileSystem& files_;
  const Clock& clock_;
  mutable Mutex mutex_;                          // guards what entries learn; never held across I/O
  Mutex writing_;                                // one hand on the file
  std::vector<std::unique_ptr<Entry>> entries_;  // the list itself is constant
};

}  // namespace pannier::operations

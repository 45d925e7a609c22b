// SQLite on a FaultyFileSystem: what it reads, writes, syncs, truncates, opens and deletes goes
// through that seam, so that calls fail on demand and unsynced writes, names and deletions are
// dropped at Crash().
//
// File locks and the shared memory of a write-ahead log are kept in this process; they work between
// any number of connections, and are never lost but with their last user, as by a crash. A failed
// sync of a folder is ignored, as SQLite's own Unix layer does.
//
// Before FaultyFileSystem::Crash() let every call fail (FailFrom(1)) and close the connections: the
// process died too, and must not tidy up on the disk that came back.
// Threads: any. Lifetime: `files` outlives it, and it outlives its connections.
#pragma once

#include <memory>
#include <string>

#include "tests/support/faulty_file_system.h"

namespace pannier::test {

class FaultyVfs {
 public:
  explicit FaultyVfs(FaultyFileSystem& files);
  ~FaultyVfs();

  // What to name in StoreOptions::sqlite_vfs.
  const std::string& name() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pannier::test

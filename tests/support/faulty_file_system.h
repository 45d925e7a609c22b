// A FileSystem over a temporary directory that fails calls on demand and can lose power.
//
// It keeps, beside the real files, what is durable: a file's bytes as of its last Sync(), a
// directory's names as of its last SyncDirectory(). Crash() puts the real directory back to that.
// Stricter than most disks on purpose: syncing a file does not make its name durable. But a folder
// has one name at any time, as on every disk: moved to another folder it is here or there, and
// syncing either of the two makes the move durable.
// Files that the code under test makes around this seam (a lock file) are left as they are.
// Threads: any. Lifetime: outlives its Files; Files opened before a Crash() fail ever after.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lib/core/mutex.h"
#include "lib/file/file_system.h"
#include "tests/support/temp_dir.h"

namespace pannier::test {

class FaultyFileSystem final : public file::FileSystem {
 public:
  using Path = file::Path;

  FaultyFileSystem();
  ~FaultyFileSystem() override;

  // Where everything happens; it exists and is durable. Paths outside go to the real file system
  // untracked.
  const Path& root() const { return root_.path(); }

  // Fails the n-th call from now on (1 = the next) with `code`, once. A failing write leaves half
  // of its bytes behind. Every virtual call of FileSystem and File counts.
  void FailCall(int n, Errc code = Errc::kUnavailable);
  // From the n-th call from now on all fail, until Heal().
  void FailFrom(int n, Errc code = Errc::kUnavailable);
  // From the n-th call from now on the disk is full, until Heal(): what takes room (writing,
  // making files and folders) fails with kStorageFull.
  void FillFrom(int n);
  void Heal();
  // Whether a call has failed since FailCall() or FailFrom().
  bool Faulted() const;
  // Calls so far.
  int calls() const;
  // Of these, syncs of files and of directories.
  int syncs() const;

  // Power is cut: what was not synced is gone.
  void Crash();
  // The same, but each unsynced name and each unsynced page of 4 KiB may have reached the disk or
  // not, as the seed decides: what real disks do.
  void CrashPartly(uint64_t seed);

  Result<std::unique_ptr<file::File>> Open(const Path& path, file::OpenMode mode) override;
  Status Rename(const Path& from, const Path& to) override;
  Status RenameNew(const Path& from, const Path& to) override;
  Status Remove(const Path& path) override;
  Status MakeDirectory(const Path& path) override;
  Result<std::vector<file::Entry>> List(const Path& path) override;
  Result<file::Info> Stat(const Path& path) override;
  Status SyncDirectory(const Path& path) override;
  Result<file::Space> FreeSpace(const Path& path) override;

 private:
  friend class FaultyFile;
  struct Node;  // what is known of one file or directory
  using NodePtr = std::shared_ptr<Node>;
  using Names = std::map<std::string, NodePtr>;
  struct Keep;  // what a crash spares
  // Of a durable folder into another, not durable yet.
  struct Move {
    NodePtr node, from, to;
    std::string old_name, new_name;
  };

  Status RenameWith(Status (file::FileSystem::*rename)(const Path&, const Path&), const Path& from,
                    const Path& to);
  enum class Needs { kNothing, kRoom };
  // Counts a call; the error when it is to fail.
  Status Step(std::string_view what, const Path& path, Needs needs = Needs::kNothing)
      EXCLUDES(mutex_);
  // The node of a path below the root, or none. What others made there is taken in as durable.
  NodePtr Find(const Path& path) REQUIRES(mutex_);
  NodePtr Parent(const Path& path) REQUIRES(mutex_) { return Find(path.parent_path()); }
  void CrashKeeping(Keep keep) EXCLUDES(mutex_);
  void NoteMove(Move move) REQUIRES(mutex_);
  static void MakeDurable(const Move& move);

  TempDir root_;
  mutable Mutex mutex_;
  NodePtr tree_ GUARDED_BY(mutex_);
  std::vector<Move> moves_ GUARDED_BY(mutex_);
  uint64_t generation_ GUARDED_BY(mutex_) = 0;  // crashes so far
  int calls_ GUARDED_BY(mutex_) = 0;
  int syncs_ GUARDED_BY(mutex_) = 0;
  int fail_at_ GUARDED_BY(mutex_) = 0;  // 0: none
  bool fail_on_ GUARDED_BY(mutex_) = false;
  bool full_ GUARDED_BY(mutex_) = false;  // only calls that need room fail
  Errc fail_code_ GUARDED_BY(mutex_) = Errc::kUnavailable;
  bool faulted_ GUARDED_BY(mutex_) = false;
};

}  // namespace pannier::test

// A data directory on a disk that fails, and the states it may be in.
//
// An acknowledged call happened. A call that the disk failed happened whole or not at all, and only
// a look after a restart tells which: so a failed call doubles the possible worlds, and a look must
// meet one of them and leaves just that one.
// Threads: one.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/store/stores.h"
#include "tests/daemon/store/fixture.h"
#include "tests/daemon/store/random_history.h"
#include "tests/daemon/store/reference_store.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/faulty_vfs.h"

namespace pannier::store {

// Collections by database and name.
using World = std::map<std::string, ReferenceStore>;

// One call of a history, the same for the real stores and for a world.
struct Operation {
  enum class Kind {
    kCreateDatabase,
    kDeleteDatabase,
    kCreateCollection,
    kDeleteCollection,
    kWrite,
    kDeleteRecords,
    kFlush,
    kClose,
  } kind = Kind::kFlush;
  std::string database, collection;
  model::WriteKind write = model::WriteKind::kAdd;
  std::vector<Record> records;
  std::vector<std::string> ids;

  Status Apply(Stores& stores) const;
  // The error is kNotFound, kConflict or kInvalidArgument; the world is as it was then.
  Status Apply(World& world) const;
};

class Disk {
 public:
  explicit Disk(uint64_t seed);
  ~Disk();

  test::FaultyFileSystem& files() { return *files_; }
  StoreRef Default();

  Status TryStart();
  void Start();
  // Closes and opens, on a disk that works.
  void Reopen();
  // The power fails. With a seed, what was not synced may have reached the disk in part.
  void CutPower(std::optional<uint64_t> partly);

  // One random call. Failures must have the right code.
  void Step();

  // Looks at everything: it is one of the worlds, and every record is found by a query.
  void Check();
  // The same, though the process runs on: failed writes left no trace, unless their store was
  // closed meanwhile.
  void CheckWithoutReopening();

 private:
  Operation Any();
  World Look();
  void NoteEvictions();
  void CompareTo(const World& seen, std::vector<World>& worlds);

  std::unique_ptr<test::FaultyFileSystem> files_;
  std::unique_ptr<test::FaultyVfs> vfs_;
  RandomHistory history_;
  test::Random& random_;
  StoreOptions options_;
  std::unique_ptr<Stores> stores_;
  std::vector<World> worlds_;   // that the disk may be in
  std::vector<World> visible_;  // that the running process may show
  uint64_t evicted_ = 0;        // stores, as far as `visible_` knows
};

}  // namespace pannier::store

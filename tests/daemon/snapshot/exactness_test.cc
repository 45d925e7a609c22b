// Goal: a snapshot is exactly the rows of one sequence, whatever is written meanwhile.
// Method: one or two writers on collections of their own note each write with the sequence it was
// answered with, while snapshots are taken; each snapshot is fetched elsewhere and compared, record
// by record, with the notes up to its sequence, applied to plain lists. PANNIER_SEED replays a run,
// PANNIER_TORTURE_ROUNDS makes it longer.
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "daemon/snapshot/snapshot.h"
#include "daemon/store/offline_store.h"
#include "lib/repository/volume_store.h"
#include "tests/daemon/store/fixture.h"
#include "tests/daemon/store/random_history.h"
#include "tests/daemon/store/reference_store.h"

namespace pannier::snapshot {
namespace {

using contract::Manifest;
using model::WriteKind;
using repository::Repository;
using store::Record;
using store::ReferenceCollection;

constexpr int kWrites = 40;
constexpr uint32_t kDimension = 4;

SteadyTime Soon() { return SystemClock().Steady() + std::chrono::seconds(60); }

// One collection, who writes it, and what was written when.
class Writer {
 public:
  Writer(store::Store& store, const std::string& name, uint64_t seed)
      : store_(store), history_(seed), name_(name) {
    id_ = store.CreateCollection(store::Collection(name), store::Patient()).value()->id;
  }

  void Run(std::atomic<int>& written) {
    for (int i = 0; i < kWrites; ++i) {
      Write();
      ++written;
    }
  }

  // Whether this is what the collection held at a sequence. An answer's sequence is that of the
  // write or, where others commit too, a later one: in between, before and after are both right.
  // With one writer there is no such doubt.
  bool Held(const std::vector<Record>& seen, index::Sequence sequence) const {
    ReferenceCollection reference;
    for (const Note& note : notes_) {
      if (note.after >= sequence) break;
      const bool certain = note.sequence <= sequence;
      if (!certain && reference.Get({}) == seen) break;
      Apply(note, reference);
      if (!certain) break;
    }
    return reference.Get({}) == seen;
  }
  const Uuid& id() const { return id_; }
  const std::string& name() const { return name_; }
  const std::string& failure() const { return failure_; }

 private:
  struct Note {
    index::Sequence after = 0, sequence = 0;  // committed after the one, at or before the other
    WriteKind kind = WriteKind::kUpsert;
    std::vector<Record> records;
    std::vector<std::string> ids;  // deleted
  };

  static void Apply(const Note& note, ReferenceCollection& reference) {
    if (note.ids.empty()) {
      reference.Write(note.kind, note.records).value();
      return;
    }
    model::Selection selection;
    selection.ids = note.ids;
    reference.Delete(selection, std::nullopt);
  }

  void Write() {
    Note note;
    if (!notes_.empty()) note.after = notes_.back().sequence;
    if (history_.random().OneIn(6)) {
      note.ids = {history_.SomeId(), history_.SomeId()};
      model::Selection selection;
      selection.ids = note.ids;
      const auto deleted = store_.Delete(id_, selection, std::nullopt, store::Patient());
      if (!deleted.ok()) failure_ = deleted.error().what;
      note.sequence = Sequence({}, WriteKind::kUpsert);
    } else {
      note.records = history_.SomeRecords(WriteKind::kUpsert, kDimension);
      for (Record& record : note.records) {
        // Some of them fill pages, so that the file has many chunks.
        if (history_.random().OneIn(3)) {
          record.document = std::string(history_.random().Below(60'000), 'a');
          for (char& letter : *record.document) {
            letter = static_cast<char>('a' + history_.random().Below(26));
          }
        }
      }
      note.sequence = Sequence(note.records, WriteKind::kUpsert);
    }
    notes_.push_back(std::move(note));
  }

  index::Sequence Sequence(const std::vector<Record>& records, WriteKind kind) {
    const auto written = store_.Write(id_, kind, store::Batch(records), store::Patient());
    if (!written.ok()) failure_ = written.error().what;
    return written.ok() ? *written : 0;
  }

  store::Store& store_;
  store::RandomHistory history_;
  const std::string name_;
  Uuid id_;
  std::vector<Note> notes_;
  std::string failure_;
};

class Run {
 public:
  explicit Run(uint64_t seed)
      : random_(seed),
        objects_(dir_ / "repository", file::RealFileSystem(), SystemClock()),
        repository_(Repository::Initialise(objects_, SystemClock(), Soon()).value()),
        store_(scratch_.Default()),
        a_(*store_, "a", seed * 2),
        b_(*store_, "b", seed * 2 + 1) {}

  void Go() {
    std::atomic<int> written{0};
    {
      std::jthread first([&] { a_.Run(written); });
      const bool alone = random_.OneIn(2);
      std::jthread second([&] {
        if (!alone) b_.Run(written);
      });
      const int snapshots = 1 + static_cast<int>(random_.Below(3));
      for (int i = 0; i < snapshots; ++i) {
        const int begin = static_cast<int>(random_.Below(alone ? kWrites : 2 * kWrites));
        while (written < begin) std::this_thread::yield();
        Take();
      }
    }
    REQUIRE(a_.failure().empty());
    REQUIRE(b_.failure().empty());
    for (size_t i = 0; i < manifests_.size(); ++i) Compare(manifests_[i], i);
  }

 private:
  void Take() {
    TakeOptions options;
    options.uid = Uuid::Random();
    options.owner = scratch_.stores().instance_id();
    options.store = kChain;
    options.tenant = "default_tenant";
    options.database = "default_database";
    if (!manifests_.empty() && !random_.OneIn(4)) options.parent = manifests_.back();
    options.spool = MakeFolder("spool-" + std::to_string(manifests_.size()));
    // Sometimes there seems to be no room to spool, and chunks are sent while the store is pinned.
    if (random_.OneIn(4)) options.spool_reserve_bytes = 1ull << 60;
    options.deadline = Soon();
    manifests_.push_back(
        snapshot::Take(*store_, *repository_, options, file::RealFileSystem(), nullptr).value());
  }

  std::string MakeFolder(const std::string& name) {
    const std::string folder = (dir_ / name).string();
    file::RealFileSystem().MakeDirectory(folder).value();
    return folder;
  }

  void Compare(const Manifest& manifest, size_t number) {
    CAPTURE(number, manifest.sequence);
    const std::string folder = MakeFolder("copy-" + std::to_string(number));
    Fetch(manifest, *repository_, folder, Fetched::kScratch, 3, file::RealFileSystem(), Soon(),
          nullptr)
        .value();
    const auto copy = store::OpenOfflineStore(folder, {}, file::RealFileSystem()).value();
    REQUIRE(copy->sequence() == manifest.sequence);
    uint64_t records = 0;
    for (const Writer* writer : {&a_, &b_}) {
      CAPTURE(writer->name());
      const std::vector<Record> seen = store::Get(*copy, writer->id()).value();
      REQUIRE(writer->Held(seen, manifest.sequence));
      records += seen.size();
    }
    REQUIRE(manifest.records == records);
    REQUIRE(manifest.collections.size() == 2);
  }

  inline static const Uuid kChain = Uuid::Random();
  test::Random random_;
  test::TempDir dir_;
  store::Scratch scratch_;
  repository::VolumeStore objects_;
  std::unique_ptr<Repository> repository_;
  store::StoreRef store_;
  Writer a_, b_;
  std::vector<Manifest> manifests_;
};

TEST_CASE("snapshot: it holds exactly the rows of its sequence, while others write",
          "[daemon][snapshot][slow]") {
  const int rounds = test::Rounds(100);
  for (int round = 0; round < rounds; ++round) {
    const uint64_t seed = test::Seed() + static_cast<uint64_t>(round);
    CAPTURE(seed);
    Run(seed).Go();
  }
}

}  // namespace
}  // namespace pannier::snapshot

// Take(): pin, hash and spool, release, send, commit.
#include <algorithm>
#include <functional>
#include <span>
#include <unordered_map>

#include "daemon/snapshot/snapshot.h"
#include "daemon/snapshot/spool.h"
#include "lib/core/background_turn.h"
#include "lib/core/check.h"
#include "lib/core/parallel.h"
#include "lib/crypto/sha256.h"

namespace pannier::snapshot {
namespace {

using contract::Chunk;
using contract::Manifest;

constexpr char kStoreFile[] = "store.db";
// Indexes are saved of one commit; where writes do not stop, this is how often it is tried.
constexpr int kSaveTries = 3;

// The chunks that need not be sent: those of the parent, and those seen already.
class Known {
 public:
  explicit Known(const std::optional<Manifest>& parent) {
    if (!parent) return;
    for (const contract::ManifestFile& file : parent->files) {
      for (const Chunk& chunk : file.chunks) stored_.emplace(chunk.sha256, chunk.stored);
    }
  }
  // True for the first that asks about this one.
  bool IsNew(const std::string& sha256) {
    MutexLock lock(mutex_);
    return stored_.emplace(sha256, 0).second;
  }
  void SetStored(const std::string& sha256, uint32_t stored) {
    MutexLock lock(mutex_);
    stored_[sha256] = stored;
    new_bytes_ += stored;
  }
  uint32_t stored(const std::string& sha256) {
    MutexLock lock(mutex_);
    return stored_[sha256];
  }
  uint64_t new_bytes() {
    MutexLock lock(mutex_);
    return new_bytes_;
  }

 private:
  Mutex mutex_;
  std::unordered_map<std::string, uint32_t> stored_ GUARDED_BY(mutex_);
  uint64_t new_bytes_ GUARDED_BY(mutex_) = 0;
};

struct Spooled {
  size_t number = 0;
  std::string sha256;
  uint64_t bytes = 0;
};

class Taking {
 public:
  Taking(repository::Repository& repository, const TakeOptions& options, file::FileSystem& files,
         const store::Progress& progress)
      : repository_(repository),
        options_(options),
        progress_(progress),
        known_(options.parent),
        spool_(options.spool, options.spool_reserve_bytes, files) {}

  Result<Manifest> Run(store::Store& source);

 private:
  // Of a file that stands still.
  using ReadAt = std::function<Status(uint64_t offset, std::span<char> into)>;

  Result<std::unique_ptr<store::StorePin>> Pin(store::Store& source) const;
  void Describe(const store::StorePin& pin);
  Status AddFile(const std::string& path, uint64_t bytes, const ReadAt& read);
  Status HashChunk(const ReadAt& read, uint64_t offset, Chunk* chunk);
  Status AddStore(const store::StorePin& pin);
  Status AddIndex(const store::PinnedIndex& index);
  Status Keep(const std::string& sha256, const std::string& bytes);
  Status Send();

  repository::Repository& repository_;
  const TakeOptions& options_;
  const store::Progress& progress_;
  Known known_;
  Spool spool_;
  Manifest manifest_;
  Mutex mutex_;
  std::vector<Spooled> spooled_ GUARDED_BY(mutex_);
};

void Taking::Describe(const store::StorePin& pin) {
  manifest_.uid = options_.uid;
  manifest_.owner = options_.owner;
  manifest_.store = options_.store;
  manifest_.origin = options_.origin;
  manifest_.tenant = options_.tenant;
  manifest_.database = options_.database;
  manifest_.sequence = pin.sequence();
  manifest_.time = pin.time();
  manifest_.version = options_.version;
  if (options_.parent) manifest_.parent = options_.parent->uid;
  for (const store::PinnedCollection& collection : pin.collections()) {
    manifest_.records += collection.records;
    manifest_.collections.push_back(
        {collection.info.id, collection.info.name, collection.records, collection.info.dimension});
  }
}

Result<std::unique_ptr<store::StorePin>> Taking::Pin(store::Store& source) const {
  const store::CallContext call{options_.deadline};
  const bool save = options_.indexes == IncludeIndexes::kAlways;
  for (int tries = 1;; ++tries) {
    if (save) TRY(source.SaveIndexes(call).Context("save the indexes"));
    const index::Sequence before = source.sequence();
    std::unique_ptr<store::StorePin> pin = TRY(source.Pin(call).Context("pin the store"));
    if (!save || pin->sequence() == before || tries == kSaveTries) return pin;
  }
}

Status Taking::AddFile(const std::string& path, uint64_t bytes, const ReadAt& read) {
  contract::ManifestFile file;
  file.path = path;
  file.bytes = bytes;
  file.chunks.resize((bytes + contract::kChunkBytes - 1) / contract::kChunkBytes);
  store::SharedProgress progress(bytes, progress_);
  const auto hash = [&](uint64_t index) -> Status {
    const uint64_t offset = index * contract::kChunkBytes;
    Chunk& chunk = file.chunks[index];
    chunk.bytes = static_cast<uint32_t>(std::min(contract::kChunkBytes, bytes - offset));
    TRY(HashChunk(read, offset, &chunk));
    return progress.Add(chunk.bytes);
  };
  TRY(ForEach(file.chunks.size(), {"hash", ThreadsForComputing()}, hash));
  manifest_.files.push_back(std::move(file));
  return {};
}

Status Taking::HashChunk(const ReadAt& read, uint64_t offset, Chunk* chunk) {
  thread_local std::string buffer;
  buffer.resize(chunk->bytes);
  {
    const BackgroundTurn turn;
    TRY(read(offset, buffer));
    chunk->sha256 = crypto::ToHex(crypto::Sha256(buffer));
  }
  if (known_.IsNew(chunk->sha256)) TRY(Keep(chunk->sha256, buffer));
  return {};
}

Status Taking::AddStore(const store::StorePin& pin) {
  const auto read = [&](uint64_t offset, std::span<char> into) -> Status {
    if (pin.log_bytes() > options_.log_bytes_max) {
      return ResourceExhausted("the store was written faster than it could be copied",
                               "take the snapshot when there are fewer writes");
    }
    return pin.Read(offset, into).Context("read the store's file");
  };
  return AddFile(kStoreFile, pin.bytes(), read);
}

Status Taking::Keep(const std::string& sha256, const std::string& bytes) {
  const std::optional<size_t> number = TRY(spool_.Put(bytes));
  if (!number) {
    known_.SetStored(sha256, TRY(repository_.PutChunk(sha256, bytes, options_.deadline)));
    return {};
  }
  MutexLock lock(mutex_);
  spooled_.push_back({*number, sha256, bytes.size()});
  return {};
}

Status Taking::Send() {
  std::vector<Spooled> spooled;
  {
    MutexLock lock(mutex_);
    spooled = std::move(spooled_);
  }
  uint64_t total = 0;
  std::vector<std::string> keys;
  for (const Spooled& chunk : spooled) {
    total += chunk.bytes;
    keys.push_back(contract::ChunkKey(chunk.sha256));
  }
  if (options_.before_sending) options_.before_sending(keys);
  store::SharedProgress progress(total, progress_);
  return ForEach(spooled.size(), {"transfer", options_.transfers}, [&](uint64_t index) -> Status {
    const Spooled& chunk = spooled[index];
    const std::string bytes = TRY(spool_.Take(chunk.number));
    const uint32_t stored = TRY(repository_.PutChunk(chunk.sha256, bytes, options_.deadline));
    known_.SetStored(chunk.sha256, stored);
    return progress.Add(chunk.bytes);
  });
}

Status Taking::AddIndex(const store::PinnedIndex& index) {
  const auto read = [&](uint64_t offset, std::span<char> into) -> Status {
    const size_t got = TRY(index.file->ReadAt(offset, into));
    return got == into.size() ? Status() : Corruption("it is shorter than it was");
  };
  return AddFile(index.path, index.bytes, read).Context("read " + index.path);
}

Result<Manifest> Taking::Run(store::Store& source) {
  std::vector<store::PinnedIndex> indexes;
  {
    const std::unique_ptr<store::StorePin> pin = TRY(Pin(source));
    Describe(*pin);
    TRY(AddStore(*pin));
    if (options_.indexes != IncludeIndexes::kNever) indexes = pin->SavedIndexes();
  }
  for (const store::PinnedIndex& index : indexes) TRY(AddIndex(index));
  TRY(Send());
  for (contract::ManifestFile& file : manifest_.files) {
    for (Chunk& chunk : file.chunks) chunk.stored = known_.stored(chunk.sha256);
  }
  manifest_.new_bytes = known_.new_bytes();
  TRY(repository_.Commit(manifest_, options_.deadline).Context("commit the manifest"));
  return std::move(manifest_);
}

}  // namespace

Result<Manifest> Take(store::Store& source, repository::Repository& repository,
                      const TakeOptions& options, file::FileSystem& files,
                      const store::Progress& progress) {
  if (options.may_list) {
    for (const repository::SnapshotRef& snapshot :
         TRY(repository.List(options.owner, options.store, options.deadline))) {
      if (snapshot.uid == options.uid)
        return repository.ReadManifest(snapshot.key, options.deadline);
    }
  }
  return Taking(repository, options, files, progress).Run(source);
}

}  // namespace pannier::snapshot

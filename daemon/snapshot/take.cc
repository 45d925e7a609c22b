// Take(): pin, hash and spool, release, send, commit.
#include <algorithm>
#include <map>
#include <unordered_map>

#include "daemon/snapshot/snapshot.h"
#include "daemon/snapshot/spool.h"
#include "lib/core/check.h"
#include "lib/core/parallel.h"
#include "lib/crypto/sha256.h"

namespace pannier::snapshot {
namespace {

using contract::Chunk;
using contract::Manifest;

constexpr char kStoreFile[] = "store.db";

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
  void Describe(const store::StorePin& pin);
  Status Hash(const store::StorePin& pin);
  Status HashChunk(const store::StorePin& pin, uint64_t index, store::SharedProgress& progress);
  Status Keep(const std::string& sha256, const std::string& bytes);
  Status Send();

  repository::Repository& repository_;
  const TakeOptions& options_;
  const store::Progress& progress_;
  Known known_;
  Spool spool_;
  Manifest manifest_;
  std::vector<Chunk> chunks_;
  Mutex mutex_;
  std::vector<Spooled> spooled_ GUARDED_BY(mutex_);
};

void Taking::Describe(const store::StorePin& pin) {
  manifest_.uid = options_.uid;
  manifest_.owner = options_.owner;
  manifest_.store = options_.store;
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

Status Taking::Hash(const store::StorePin& pin) {
  const uint64_t bytes = pin.bytes();
  chunks_.resize((bytes + contract::kChunkBytes - 1) / contract::kChunkBytes);
  store::SharedProgress progress(bytes, progress_);
  return ForEach(chunks_.size(), {"hash", ThreadsForComputing()},
                 [&](uint64_t index) { return HashChunk(pin, index, progress); });
}

Status Taking::HashChunk(const store::StorePin& pin, uint64_t index,
                         store::SharedProgress& progress) {
  const uint64_t offset = index * contract::kChunkBytes;
  const uint64_t length = std::min(contract::kChunkBytes, pin.bytes() - offset);
  thread_local std::string buffer;
  buffer.resize(length);
  TRY(pin.Read(offset, buffer).Context("read the store's file"));
  Chunk& chunk = chunks_[index];
  chunk.bytes = static_cast<uint32_t>(length);
  chunk.sha256 = crypto::ToHex(crypto::Sha256(buffer));
  if (known_.IsNew(chunk.sha256)) TRY(Keep(chunk.sha256, buffer));
  if (pin.log_bytes() > options_.log_bytes_max) {
    return ResourceExhausted("the store was written faster than it could be copied",
                             "take the snapshot when there are fewer writes");
  }
  return progress.Add(length);
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

Result<Manifest> Taking::Run(store::Store& source) {
  {
    const std::unique_ptr<store::StorePin> pin =
        TRY(source.Pin({options_.deadline}).Context("pin the store"));
    Describe(*pin);
    TRY(Hash(*pin));
  }
  TRY(Send());
  contract::ManifestFile file;
  file.path = kStoreFile;
  for (Chunk& chunk : chunks_) {
    chunk.stored = known_.stored(chunk.sha256);
    file.bytes += chunk.bytes;
  }
  file.chunks = std::move(chunks_);
  manifest_.files.push_back(std::move(file));
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

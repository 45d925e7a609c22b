// What several actions need. Threads: any.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "daemon/operations/action_runner.h"
#include "daemon/operations/services.h"

namespace pannier::operations {

// The operation's folder in staging; gone with this object. What a crash leaves of it is removed at
// start.
class Staging {
 public:
  static Result<Staging> Make(Services& services, const Uuid& operation);
  Staging(Staging&& other) noexcept
      : services_(other.services_), operation_(other.operation_), path_(std::move(other.path_)) {
    other.path_.clear();
  }
  Staging& operator=(Staging&&) = delete;
  ~Staging();

  const std::string& path() const { return path_; }
  // A new, empty folder in it.
  Result<std::string> MakeFolder(const std::string& name) const;

 private:
  Staging(Services& services, const Uuid& operation, std::string path)
      : services_(services), operation_(operation), path_(std::move(path)) {}
  Services& services_;
  const Uuid operation_;
  std::string path_;
};

//   kNotFound  Chroma's text
Result<store::DatabaseInfo> FindDatabase(Services& services, const StoreName& store);
Result<bool> DatabaseExists(Services& services, const StoreName& store);
Result<store::StoreRef> Acquire(Services& services, const StoreName& store);
// Its newest sequence; nothing when it cannot be opened.
std::optional<uint64_t> SequenceOf(Services& services, const StoreName& store);

// One store, alone, beside all operations on other stores.
std::vector<Hold> HoldsOfStore(const StoreName& store);
std::vector<Hold> HoldsOfRequest(const Request& request);

// The folder of the database's store, which the daemon may have open.
Result<std::string> FolderOf(Services& services, const StoreName& store);
//   kStorageFull  less than `bytes` and a reserve are free
Status CheckRoom(Services& services, uint64_t bytes);
// A store as somebody else may read it, in `folder`: by a pin where it can be opened, else its
// files as they are, while writes are refused.
Status CopyForReading(Services& services, Context& context, const StoreName& store,
                      const std::string& folder);
// Its files as they are, byte by byte, to be read and thrown away: not durable. The caller has
// fenced it.
Status CopyFiles(Services& services, Context& context, const std::string& from,
                 const std::string& folder);

// Puts a finished folder in its place: over the store of that name, or as a new one. Returns the id
// under which the old one is in quarantine.
Result<std::optional<Uuid>> PutInPlace(Services& services, const Uuid& operation,
                                       const StoreName& target, const std::string& staged,
                                       std::string_view why,
                                       std::optional<std::chrono::seconds> quarantine,
                                       SteadyTime deadline);
// The newest of this name in quarantine: what PutInPlace() of an earlier attempt put there.
Result<std::optional<Uuid>> LastQuarantined(Services& services, const StoreName& store,
                                            std::string_view why);

// One of several changes of the catalog that an operation makes: an operation of its own in the
// journal, ended from the start, so that no start takes it up by itself. What the catalog notes of
// it tells the operation's next attempt to leave it alone.
class PartOperation {
 public:
  // `part` tells it from the operation's others; it is the same at every attempt.
  PartOperation(Services& services, const Uuid& operation, const std::string& part);
  const Uuid& uid() const { return uid_; }
  // True: an earlier attempt has done it. `request`: how it is shown.
  Result<bool> Begin(const nlohmann::json& request);
  Status NoteDone();
  // Best effort: the next start notes it otherwise.
  void NoteFailed(const Error& error);

 private:
  Status NoteEnd(const Result<nlohmann::json>& result);

  Services& services_;
  Uuid uid_;
};

nlohmann::json UuidJson(const std::optional<Uuid>& id);
// "succeeded", "failed": the label of metrics.
std::string ResultWord(bool ok);
std::chrono::seconds SecondsSince(WallTime time, WallTime now);

}  // namespace pannier::operations

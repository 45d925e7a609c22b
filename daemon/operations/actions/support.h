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

nlohmann::json UuidJson(const std::optional<Uuid>& id);
// "succeeded", "failed": the label of metrics.
std::string ResultWord(bool ok);
std::chrono::seconds SecondsSince(WallTime time, WallTime now);

}  // namespace pannier::operations

// A machine with a data directory, a repository and operations, on a disk that fails and loses
// power. What a daemon is, without its sockets. Threads: one.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "daemon/operations/executor.h"
#include "daemon/operations/services.h"
#include "daemon/sessions/registry.h"
#include "lib/metrics/metrics.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/faulty_vfs.h"

namespace pannier::operations {

// An object store whose n-th call fails: not done, or done and its answer lost.
class FlakyObjects final : public repository::ObjectStore {
 public:
  struct Fault {
    std::atomic<int> calls{0};
    std::atomic<int> fail_at{0};  // 0: never
    std::atomic<bool> after{false};
    bool Hit() { return ++calls == fail_at; }
  };
  FlakyObjects(std::unique_ptr<ObjectStore> inner, Fault& fault)
      : inner_(std::move(inner)), fault_(fault) {}

  Status Put(const std::string& key, std::string_view bytes, IfPresent present,
             SteadyTime deadline) override;
  Result<std::string> Get(const std::string& key, uint64_t bytes_max, SteadyTime deadline) override;
  Result<repository::ObjectInfo> Stat(const std::string& key, SteadyTime deadline) override;
  Status Delete(const std::string& key, SteadyTime deadline) override;
  Result<repository::ObjectPage> List(const std::string& prefix, const std::string& after,
                                      SteadyTime deadline) override;
  Result<uint64_t> RemoveUnfinished(std::chrono::seconds older_than, SteadyTime deadline) override;
  std::string Describe() const override { return inner_->Describe(); }

 private:
  const std::unique_ptr<ObjectStore> inner_;
  Fault& fault_;
};

// By collection and id: the document.
using Content = std::map<std::string, std::map<std::string, std::string>>;

class Machine {
 public:
  Machine();
  ~Machine();

  test::FaultyFileSystem& files() { return files_; }
  FlakyObjects::Fault& repository_fault() { return fault_; }
  store::Stores& stores() { return *stores_; }
  Executor& executor() { return *executor_; }
  service::Events& events() { return events_; }
  Services& services() { return *services_; }
  sessions::Registry& sessions() { return *sessions_; }
  bool is_up() const { return executor_ != nullptr; }

  Status TryStart();
  void Start();
  void Stop();
  // The power fails, whatever runs. With a seed, what was not synced may be on the disk in part.
  void Die(std::optional<uint64_t> partly);

  // A request under a uid of its own; nothing when it was not taken.
  std::optional<Uuid> Submit(const nlohmann::json& body);
  // As it is shown once it has ended; null when it is not known.
  nlohmann::json Await(const Uuid& uid);
  // The result of one that must succeed.
  nlohmann::json Do(const nlohmann::json& body);

  void CreateDatabase(const std::string& database);
  // Records first … first + count - 1 of the collection, which is made when it is not there.
  void Write(const std::string& database, const std::string& collection, int first, int count,
             const std::string& word);
  // Nothing when there is no such database.
  std::optional<Content> Read(const std::string& database);

  RunChild run_child;                // before Start(); null: InlineChildren()
  uint64_t spool_reserve_bytes = 0;  // before Start()

 private:
  std::unique_ptr<repository::ObjectStore> MakeObjects(const RepositorySettings& settings);

  test::FaultyFileSystem files_;
  test::FaultyVfs vfs_{files_};
  FlakyObjects::Fault fault_;
  metrics::Registry registry_;
  service::OperationMetrics metrics_{registry_};
  service::Events events_{SystemClock()};
  SnapshotFinder finder_;
  std::unique_ptr<Repositories> repositories_;
  std::unique_ptr<store::Stores> stores_;
  std::unique_ptr<sessions::Registry> sessions_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<Executor> executor_;
};

}  // namespace pannier::operations

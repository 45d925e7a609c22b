// A repository that is reached by URLs granted one by one, for as long as an operation runs.
// Threads: one, but for what the executor calls. Lifetime: ends before the Context.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/operations/action_runner.h"
#include "daemon/operations/services.h"
#include "lib/repository/granted_store.h"
#include "lib/repository/repository.h"

namespace pannier::operations {

class GrantedRepository {
 public:
  // `expected`: its identity is read and must be this one; nil: whoever grants has checked it.
  // `listing`: the keys that it is to have; nothing: it cannot be listed.
  static Result<std::unique_ptr<GrantedRepository>> Open(
      Context& context, const Clock& clock, const Uuid& expected,
      std::optional<std::vector<std::string>> listing = std::nullopt);
  ~GrantedRepository();

  repository::Repository& repository() { return *repository_; }
  // What will be wanted soon, so that one answer can grant many.
  void Expect(const std::string& method, const std::vector<std::string>& keys);

 private:
  GrantedRepository(Context& context, const Clock& clock,
                    std::optional<std::vector<std::string>> listing);

  Context& context_;
  repository::GrantedStore objects_;
  std::unique_ptr<repository::Repository> repository_;
};

// Which repository a request means: one of the configuration, by its name, or, with "grants", one
// of URLs; of this the snapshots whose manifests the request names are there, and no others.
bool IsGranted(const Request& request);
//   kInvalidArgument  neither or both, or members that do not go with it
//   kNotFound         an unknown name
Status CheckRepository(Services& services, const Request& request);
// For people: its name, or "granted URLs".
std::string RepositoryWord(const Request& request);

class RequestedRepository {
 public:
  //   as Repositories::Open, Repository::Open
  static Result<std::unique_ptr<RequestedRepository>> Open(Services& services, Context& context);
  repository::Repository& repository() { return granted_ ? granted_->repository() : *named_; }

 private:
  std::unique_ptr<repository::Repository> named_;
  std::unique_ptr<GrantedRepository> granted_;
};

}  // namespace pannier::operations

// A repository that is reached by URLs granted one by one, for as long as an operation runs.
// Threads: one, but for what the executor calls. Lifetime: ends before the Context.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/operations/action_runner.h"
#include "lib/repository/granted_store.h"
#include "lib/repository/repository.h"

namespace pannier::operations {

class GrantedRepository {
 public:
  // `expected`: its identity is read and must be this one; nil: whoever grants has checked it.
  static Result<std::unique_ptr<GrantedRepository>> Open(Context& context, const Clock& clock,
                                                         const Uuid& expected);
  ~GrantedRepository();

  repository::Repository& repository() { return *repository_; }
  // What will be wanted soon, so that one answer can grant many.
  void Expect(const std::string& method, const std::vector<std::string>& keys);

 private:
  GrantedRepository(Context& context, const Clock& clock);

  Context& context_;
  repository::GrantedStore objects_;
  std::unique_ptr<repository::Repository> repository_;
};

}  // namespace pannier::operations

#include "daemon/operations/actions/granted_repository.h"

namespace pannier::operations {

GrantedRepository::GrantedRepository(Context& context, const Clock& clock)
    : context_(context),
      objects_(
          {},
          [&context](const std::vector<repository::Want>& wants) {
            std::vector<Want> shown;
            shown.reserve(wants.size());
            for (const repository::Want& want : wants) shown.push_back({want.method, want.key});
            context.SetWants(std::move(shown));
          },
          clock) {
  context.TakeGrants(
      [this](const Grant& grant) {
        return objects_.Grant(grant.method, grant.key, grant.url, grant.expires);
      },
      [this] { objects_.Cancel(); });
}

GrantedRepository::~GrantedRepository() {
  context_.TakeGrants(nullptr, nullptr);
  context_.SetWants({});
}

Result<std::unique_ptr<GrantedRepository>> GrantedRepository::Open(Context& context,
                                                                   const Clock& clock,
                                                                   const Uuid& expected) {
  std::unique_ptr<GrantedRepository> granted(new GrantedRepository(context, clock));
  if (expected.IsNil()) {
    granted->repository_ = repository::Repository::Trust(granted->objects_, clock);
    return granted;
  }
  granted->repository_ =
      TRY(repository::Repository::Open(granted->objects_, clock, expected, context.deadline()));
  return granted;
}

void GrantedRepository::Expect(const std::string& method, const std::vector<std::string>& keys) {
  std::vector<repository::Want> wants;
  wants.reserve(keys.size());
  for (const std::string& key : keys) wants.push_back({method, key});
  objects_.Expect(wants);
}

}  // namespace pannier::operations

#include "daemon/operations/actions/granted_repository.h"

#include "daemon/operations/members.h"
#include "lib/repository/snapshot_key.h"

namespace pannier::operations {
namespace {

using repository::SnapshotPart;

repository::GrantedStore::Options OptionsFor(std::optional<std::vector<std::string>> listing) {
  repository::GrantedStore::Options options;
  options.listing = std::move(listing);
  return options;
}

bool IsManifest(const std::string& key) {
  const auto parsed = repository::ParseSnapshotKey(key);
  return parsed && parsed->part == SnapshotPart::kManifest;
}

}  // namespace

GrantedRepository::GrantedRepository(Context& context, const Clock& clock,
                                     std::optional<std::vector<std::string>> listing)
    : context_(context),
      objects_(
          OptionsFor(std::move(listing)),
          [&context](const std::vector<repository::Want>& wants) {
            std::vector<Want> shown;
            shown.reserve(wants.size());
            for (const repository::Want& want : wants) shown.push_back({want.method, want.key});
            context.SetWants(std::move(shown));
          },
          clock) {
  context.TakeGrants(
      [this](const Grant& grant) {
        return objects_.Grant(grant.method, grant.key, grant.url, grant.expires,
                              {grant.headers, grant.ca_pem});
      },
      [this] { objects_.Cancel(); });
}

GrantedRepository::~GrantedRepository() {
  context_.TakeGrants(nullptr, nullptr);
  context_.SetWants({});
}

Result<std::unique_ptr<GrantedRepository>> GrantedRepository::Open(
    Context& context, const Clock& clock, const Uuid& expected,
    std::optional<std::vector<std::string>> listing) {
  std::unique_ptr<GrantedRepository> granted(
      new GrantedRepository(context, clock, std::move(listing)));
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

bool IsGranted(const Request& request) { return FlagOf(request.arguments, "grants", false); }

Status CheckRepository(Services& services, const Request& request) {
  for (const std::string& key : TextsOf(request.arguments, "manifests")) {
    if (IsManifest(key)) continue;
    return InvalidArgument("the member \"manifests\": \"" + key.substr(0, 128) +
                           "\" is no key of a manifest");
  }
  if (!IsGranted(request)) {
    if (request.arguments.contains("repositoryID")) {
      return InvalidArgument("the member \"repositoryID\" goes with \"grants\"");
    }
    if (request.repository.empty()) return InvalidArgument("the member \"repository\" is missing");
    return services.repositories.CheckName(request.repository);
  }
  if (!request.repository.empty()) {
    return InvalidArgument("the member \"repository\" does not go with \"grants\"");
  }
  return {};
}

std::string RepositoryWord(const Request& request) {
  return IsGranted(request) ? "granted URLs" : request.repository;
}

Result<std::unique_ptr<RequestedRepository>> RequestedRepository::Open(Services& services,
                                                                       Context& context) {
  const Request& request = context.request();
  auto opened = std::make_unique<RequestedRepository>();
  if (!IsGranted(request)) {
    opened->named_ = TRY(services.repositories.Open(request.repository, context.deadline()));
    return opened;
  }
  std::vector<std::string> listing;
  for (const std::string& key : TextsOf(request.arguments, "manifests")) {
    listing.push_back(key);
    // Whether it is there is found out when it is read.
    listing.push_back(repository::PartKey(key, SnapshotPart::kVerified));
  }
  const Uuid expected = UuidOf(request.arguments, "repositoryID").value_or(Uuid());
  opened->granted_ =
      TRY(GrantedRepository::Open(context, services.clock, expected, std::move(listing)));
  return opened;
}

}  // namespace pannier::operations

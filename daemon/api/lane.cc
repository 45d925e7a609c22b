#include "daemon/api/lane.h"

#include <functional>

namespace pannier::api {
namespace {

constexpr std::string_view kTenants = "/api/v2/tenants/";
constexpr std::string_view kDatabases = "/databases/";

}  // namespace

uint64_t LaneOf(std::string_view path) {
  if (!path.starts_with(kTenants)) return 0;
  const size_t tenant_end = path.find('/', kTenants.size());
  if (tenant_end == std::string_view::npos) return 0;
  if (!path.substr(tenant_end).starts_with(kDatabases)) return 0;
  const size_t database = tenant_end + kDatabases.size();
  if (database >= path.size()) return 0;
  const size_t end = path.find('/', database);
  return std::hash<std::string_view>()(path.substr(0, end)) | 1;
}

bool Computes(std::string_view path) {
  return path.ends_with("/query") || path.ends_with("/get") || path.ends_with("/search");
}

}  // namespace pannier::api

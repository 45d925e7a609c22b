// The authority by which operator and daemons know each other: kept in a Secret of the operator's
// own namespace, made where there is none, renewed in time; and the Secrets of daemons that it
// signs. Only who leads writes (the Api given refuses others); everybody may read. Threads: any.
// Lifetime: api and clock outlive it.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "operator/daemons/admin_certificates.h"
#include "operator/kube/api.h"
#include "operator/resource/vector_store.h"

namespace pannier::control {

class AdminTrust {
 public:
  AdminTrust(kube::Api& api, const Clock& clock, kube::ObjectKey secret)
      : api_(api), clock_(clock), secret_(std::move(secret)) {}

  // The authority as it is now; asks the API when it has none or it is time to look again. With an
  // older one at hand, that is returned when the API cannot be asked.
  //   as Api's calls
  Result<std::shared_ptr<const AdminAuthority>> Current();

  // Sees to the Secret of a VectorStore's daemons, owned by the VectorStore; looks each five
  // minutes at most.
  //   kPermissionDenied  also: a Secret of that name belongs to somebody else; it is left alone
  //   kConflict          it changed meanwhile
  Status KeepSecretOf(const VectorStore& store);

 private:
  Result<AdminAuthority> Load(WallTime* look_again);
  Status WriteSecretOf(const VectorStore& store, const AdminAuthority& authority,
                       WallTime* look_again);

  static constexpr std::chrono::minutes kLookEvery{5};
  static constexpr size_t kLookedMax = 20'000;

  kube::Api& api_;
  const Clock& clock_;
  const kube::ObjectKey secret_;
  Mutex mutex_;
  std::shared_ptr<const AdminAuthority> current_ GUARDED_BY(mutex_);
  WallTime look_again_ GUARDED_BY(mutex_);
  std::map<std::string, WallTime> looked_ GUARDED_BY(mutex_);  // by uid: when to look again
};

}  // namespace pannier::control

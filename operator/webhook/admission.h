// Answers to the API server's questions (AdmissionReview, admission.k8s.io/v1): may this object be,
// and how must it be changed? Pods that ask for it get a sidecar (lib/inject); our own kinds are
// checked for what their CRDs cannot check.
//
// It fails closed: what it cannot decide it refuses, with a sentence on what to do. It has no side
// effect, so a dry run is answered like any other. Threads: any; `sidecars` and `schedules` too.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "lib/core/result.h"
#include "lib/inject/sidecar.h"

namespace pannier::control {

// What to inject for the VectorStore of that namespace and name.
//   kNotFound  there is none
//   others     it cannot be told now
using FindSidecar =
    std::function<Result<inject::Sidecar>(const std::string& name_space, const std::string& name)>;

// Whether a schedule and a time zone (may be empty) are what they should be.
//   kInvalidArgument  why not
using CheckSchedule =
    std::function<Status(const std::string& schedule, const std::string& time_zone)>;

class Admission {
 public:
  Admission(FindSidecar sidecars, CheckSchedule schedules)
      : sidecars_(std::move(sidecars)), schedules_(std::move(schedules)) {}

  // The answer to a review: an AdmissionReview with a response, as JSON.
  //   kMalformed  it is no review; nothing can be answered but that
  Result<std::string> Mutate(std::string_view review) const;
  Result<std::string> Validate(std::string_view review) const;

 private:
  Result<nlohmann::json> PatchOf(const nlohmann::json& request) const;

  const FindSidecar sidecars_;
  const CheckSchedule schedules_;
};

// What CEL cannot say about an object of ours: schedules and time zones, the daemon's
// configuration.
//   kInvalidArgument  "spec.schedule: …"
Status ValidateObject(const nlohmann::json& object, const CheckSchedule& schedules);

}  // namespace pannier::control

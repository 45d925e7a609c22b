#include "operator/webhook/admission.h"

#include "lib/json/base64.h"
#include "lib/json/cold.h"
#include "operator/webhook/review.h"

namespace pannier::control {
namespace {

using nlohmann::json;

Review Refused(const Error& error) {
  Review review;
  review.allowed = false;
  review.code = error.code == Errc::kNotFound || error.code == Errc::kInvalidArgument ? 422 : 500;
  if (error.code == Errc::kUnavailable || error.code == Errc::kDeadlineExceeded) review.code = 503;
  review.message = error.hint.empty() ? error.what : error.what + "; " + error.hint;
  return review;
}

// Which fields of a kind hold a schedule.
struct ScheduleField {
  const char* kind;
  const char* path;      // for people
  const char* parent;    // the object that holds both
  const char* schedule;  // in it
};
constexpr ScheduleField kScheduleFields[] = {
    {"StoreSnapshotSchedule", "spec.schedule", "/spec", "schedule"},
    {"StoreCleanupPolicy", "spec.schedule", "/spec", "schedule"},
    {"VectorStore", "spec.integrity.fullCheckSchedule", "/spec/integrity", "fullCheckSchedule"},
    {"SnapshotRepository", "spec.deepVerifySchedule", "/spec", "deepVerifySchedule"},
};

const json* Find(const json& object, const std::string& path) {
  const json::json_pointer pointer(path);
  return object.contains(pointer) ? &object.at(pointer) : nullptr;
}

std::string TextAt(const json& object, const std::string& path) {
  const json* const found = Find(object, path);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

Status ValidateObject(const json& object, const CheckSchedule& schedules) {
  const std::string kind = TextAt(object, "/kind");
  for (const ScheduleField& field : kScheduleFields) {
    if (kind != field.kind) continue;
    const std::string parent = field.parent;
    const std::string schedule = TextAt(object, parent + "/" + field.schedule);
    if (schedule.empty()) continue;
    TRY(schedules(schedule, TextAt(object, parent + "/timeZone")).Context(field.path));
  }
  const json* const config = kind == "VectorStore" ? Find(object, "/spec/daemon/config") : nullptr;
  if (config != nullptr) TRY(inject::CheckConfig(*config).Context("spec.daemon.config"));
  return {};
}

Result<json> Admission::PatchOf(const json& request) const {
  const json& pod = request["object"];
  const std::optional<std::string> wanted = inject::WantedBy(pod);
  if (!wanted) return json::array();
  const std::string name_space = TextAt(request, "/namespace");
  Result<inject::Sidecar> sidecar = sidecars_(name_space, *wanted);
  if (sidecar.Is(Errc::kNotFound)) {
    return NotFound("there is no VectorStore \"" + *wanted + "\" in namespace " + name_space,
                    "create it first, or remove the label " + std::string(inject::kOptInLabel));
  }
  if (!sidecar.ok()) return std::move(sidecar).error().Context("VectorStore " + *wanted);
  return inject::PatchFor(pod, *sidecar).Context("inject pannierd");
}

Result<std::string> Admission::Mutate(std::string_view text) const {
  const json request = TRY(ReadReview(text));
  Review review;
  if (TextAt(request, "/kind/kind") == "Pod" && TextAt(request, "/operation") == "CREATE" &&
      TextAt(request, "/subResource").empty()) {
    Result<json> patch = PatchOf(request);
    if (!patch.ok()) {
      review = Refused(patch.error());
    } else {
      review.patch = std::move(patch).value();
    }
  }
  return WriteReview(request, review);
}

Result<std::string> Admission::Validate(std::string_view text) const {
  const json request = TRY(ReadReview(text));
  const std::string operation = TextAt(request, "/operation");
  Review review;
  if (operation == "CREATE" || operation == "UPDATE") {
    const Status valid = ValidateObject(request["object"], schedules_);
    // What is going away is let go, whatever it says.
    const bool is_leaving = Find(request["object"], "/metadata/deletionTimestamp") != nullptr;
    if (!valid.ok() && !is_leaving) review = Refused(valid.error());
  }
  return WriteReview(request, review);
}

}  // namespace pannier::control

// Goal: every question of the API server gets an answer it understands: yes with a patch, no with a
// sentence for the user, or, where it is no question, a clear error. Method: reviews as the API
// server sends them, answered in this process.
#include "operator/webhook/admission.h"

#include <catch2/catch.hpp>

#include "lib/json/base64.h"
#include "tests/support/pods.h"
#include "tests/support/torture.h"

namespace pannier::control {
namespace {

using nlohmann::json;
using test::DocsSidecar;
using test::WorkerPod;

Result<inject::Sidecar> FindDocs(const std::string& name_space, const std::string& name) {
  if (name_space == "shop" && name == "docs") return DocsSidecar();
  if (name == "later") return Unavailable("the cache has not synced yet", "try again in a moment");
  return NotFound("no such VectorStore");
}

Status OnlyMacros(const std::string& schedule, const std::string& time_zone) {
  if (!time_zone.empty() && time_zone != "Europe/Berlin") {
    return InvalidArgument("there is no time zone \"" + time_zone + "\"");
  }
  if (schedule.starts_with("@")) return {};
  return InvalidArgument("\"" + schedule + "\" is no schedule", "write @hourly");
}

const Admission kAdmission(FindDocs, OnlyMacros);

json ReviewOf(const json& object, const std::string& kind,
              const std::string& operation = "CREATE") {
  return {{"apiVersion", "admission.k8s.io/v1"},
          {"kind", "AdmissionReview"},
          {"request",
           {{"uid", "u-1"},
            {"kind", {{"group", ""}, {"version", "v1"}, {"kind", kind}}},
            {"namespace", "shop"},
            {"operation", operation},
            {"dryRun", false},
            {"object", object}}}};
}

json ResponseOf(const Result<std::string>& answer) {
  REQUIRE(answer.ok());
  const json review = json::parse(*answer);
  REQUIRE(review["apiVersion"] == "admission.k8s.io/v1");
  REQUIRE(review["kind"] == "AdmissionReview");
  REQUIRE(review["response"]["uid"] == "u-1");
  return review["response"];
}

json Mutated(const json& review) { return ResponseOf(kAdmission.Mutate(review.dump())); }
json Validated(const json& review) { return ResponseOf(kAdmission.Validate(review.dump())); }

json PatchIn(const json& response) {
  if (!response.contains("patch")) return json::array();
  REQUIRE(response["patchType"] == "JSONPatch");
  const std::string encoded = response["patch"];
  std::string patch(pannier::json::Base64Size(encoded).value(), '\0');
  REQUIRE(pannier::json::DecodeBase64(encoded, reinterpret_cast<uint8_t*>(patch.data())));
  return json::parse(patch);
}

TEST_CASE("admission: a pod with the label gets the sidecar, also in a dry run",
          "[operator][webhook]") {
  json review = ReviewOf(WorkerPod(), "Pod");
  const json response = Mutated(review);
  REQUIRE(response["allowed"] == true);
  const json pod = WorkerPod().patch(PatchIn(response));
  REQUIRE(pod["spec"]["initContainers"][0]["name"] == "pannierd");
  review["request"]["dryRun"] = true;
  REQUIRE(PatchIn(Mutated(review)) == PatchIn(response));
  // Invoked again on what it made, it has nothing to add.
  REQUIRE_FALSE(Mutated(ReviewOf(pod, "Pod")).contains("patch"));
}

TEST_CASE("admission: what asks for nothing is let through unchanged", "[operator][webhook]") {
  json plain = WorkerPod();
  plain["metadata"]["labels"].erase(inject::kOptInLabel);
  const json reviews[] = {ReviewOf(plain, "Pod"), ReviewOf(WorkerPod(), "Pod", "UPDATE"),
                          ReviewOf(json(), "Pod", "DELETE"), ReviewOf(WorkerPod(), "Service")};
  for (const json& review : reviews) {
    const json response = Mutated(review);
    REQUIRE(response["allowed"] == true);
    REQUIRE_FALSE(response.contains("patch"));
  }
}

TEST_CASE("admission: what cannot be injected is refused with a way out", "[operator][webhook]") {
  json pod = WorkerPod();
  pod["metadata"]["labels"][inject::kOptInLabel] = "absent";
  json response = Mutated(ReviewOf(pod, "Pod"));
  REQUIRE(response["allowed"] == false);
  REQUIRE(response["status"]["code"] == 422);
  const std::string message = response["status"]["message"];
  REQUIRE(message.find("no VectorStore \"absent\" in namespace shop") != std::string::npos);
  REQUIRE(message.find("remove the label") != std::string::npos);

  pod["metadata"]["labels"][inject::kOptInLabel] = "later";
  response = Mutated(ReviewOf(pod, "Pod"));
  REQUIRE(response["allowed"] == false);
  REQUIRE(response["status"]["code"] == 503);

  pod = WorkerPod();
  pod["spec"]["hostNetwork"] = true;
  REQUIRE(Mutated(ReviewOf(pod, "Pod"))["status"]["code"] == 422);
}

TEST_CASE("admission: schedules and time zones are checked where CEL cannot",
          "[operator][webhook]") {
  struct Row {
    const char* object;
    const char* complaint;  // null: allowed
  };
  const Row rows[] = {
      {R"({"kind":"StoreSnapshotSchedule","spec":{"schedule":"@daily"}})", nullptr},
      {R"({"kind":"StoreSnapshotSchedule","spec":{"schedule":"61 * * * *"}})", "spec.schedule"},
      {R"({"kind":"StoreSnapshotSchedule","spec":{"schedule":"@daily","timeZone":"Mars"}})",
       "time zone \"Mars\""},
      {R"({"kind":"StoreCleanupPolicy","spec":{"schedule":"x"}})", "spec.schedule"},
      {R"({"kind":"VectorStore","spec":{"integrity":{"fullCheckSchedule":"x"}}})",
       "spec.integrity.fullCheckSchedule"},
      {R"({"kind":"VectorStore","spec":{}})", nullptr},
      {R"({"kind":"VectorStore","spec":{"daemon":{"config":{"dataDir":"/x"}}}})",
       "spec.daemon.config: dataDir"},
      {R"({"kind":"SnapshotRepository","spec":{"deepVerifySchedule":"x"}})",
       "spec.deepVerifySchedule"},
      {R"({"kind":"SnapshotRepository","spec":{"deepVerifySchedule":"@weekly","timeZone":"Europe/Berlin"}})",
       nullptr},
      {R"({"kind":"StoreCleanupPolicy","metadata":{"deletionTimestamp":"t"},"spec":{"schedule":"x"}})",
       nullptr},
      {R"({"kind":"ConfigMap","spec":{"schedule":"x"}})", nullptr},
  };
  for (const Row& row : rows) {
    CAPTURE(row.object);
    for (const char* operation : {"CREATE", "UPDATE"}) {
      const json response = Validated(ReviewOf(json::parse(row.object), "Any", operation));
      REQUIRE(response["allowed"] == (row.complaint == nullptr));
      if (row.complaint == nullptr) continue;
      const std::string message = response["status"]["message"];
      REQUIRE(message.find(row.complaint) != std::string::npos);
    }
  }
  REQUIRE(Validated(ReviewOf(json(), "VectorStore", "DELETE"))["allowed"] == true);
}

TEST_CASE("admission: what is no review is malformed", "[operator][webhook]") {
  const char* texts[] = {
      "",
      "{",
      "[]",
      "null",
      "7",
      R"({"kind":"AdmissionReview"})",
      R"({"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview"})",
      R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"})",
      R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":7}})",
      R"({"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","object":[]}})"};
  for (const char* text : texts) {
    CAPTURE(text);
    REQUIRE(kAdmission.Mutate(text).Is(Errc::kMalformed));
    REQUIRE(kAdmission.Validate(text).Is(Errc::kMalformed));
  }
  const std::string deep(100'000, '[');
  REQUIRE(kAdmission.Mutate(deep).Is(Errc::kMalformed));
}

TEST_CASE("admission: reviews cut short or with flipped bytes are answered or refused",
          "[operator][webhook]") {
  test::Random random(test::Seed());
  CAPTURE(test::Seed());
  const std::string whole = ReviewOf(WorkerPod(), "Pod").dump();
  for (int i = test::Rounds(400); i > 0; --i) {
    std::string text = whole;
    if (random.OneIn(3)) text.resize(random.Below(text.size()));
    for (uint64_t flips = random.Below(4); flips > 0 && !text.empty(); --flips) {
      text[random.Below(text.size())] = static_cast<char>(random.Next());
    }
    for (const bool mutates : {true, false}) {
      const Result<std::string> answer =
          mutates ? kAdmission.Mutate(text) : kAdmission.Validate(text);
      if (!answer.ok()) {
        REQUIRE(answer.Is(Errc::kMalformed));
        continue;
      }
      const json response = json::parse(*answer)["response"];
      REQUIRE(response["allowed"].is_boolean());
      if (response["allowed"] == false) REQUIRE(!response["status"]["message"].empty());
    }
  }
}

}  // namespace
}  // namespace pannier::control

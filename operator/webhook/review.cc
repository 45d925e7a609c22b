#include "operator/webhook/review.h"

#include "lib/json/base64.h"
#include "lib/json/cold.h"

namespace pannier::control {
namespace {

using nlohmann::json;

constexpr const char* kApiVersion = "admission.k8s.io/v1";

bool IsText(const json& object, const char* member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() &&
         !found->get_ref<const std::string&>().empty();
}

}  // namespace

Result<json> ReadReview(std::string_view text) {
  const Result<json> parsed = pannier::json::ParseCold(text);
  if (!parsed.ok()) return Malformed("an admission review: " + parsed.error().what);
  if (!parsed->is_object() || parsed->value("apiVersion", json()) != json(kApiVersion) ||
      parsed->value("kind", json()) != json("AdmissionReview")) {
    return Malformed(std::string("this is no AdmissionReview of ") + kApiVersion);
  }
  const auto request = parsed->find("request");
  if (request == parsed->end() || !request->is_object() || !IsText(*request, "uid")) {
    return Malformed("an admission review without a request that has a uid");
  }
  json result = *request;
  const auto object = result.find("object");
  if (object == result.end()) {
    result["object"] = json();
  } else if (!object->is_object() && !object->is_null()) {
    return Malformed("the object of an admission review is no object");
  }
  return result;
}

std::string WriteReview(const json& request, const Review& review) {
  json response = {{"uid", request["uid"]}, {"allowed", review.allowed}};
  if (!review.allowed) {
    response["status"] = {{"code", review.code},
                          {"message", review.message.substr(0, kMessageBytesMax)}};
  } else if (!review.patch.empty()) {
    std::string encoded;
    pannier::json::AppendBase64(pannier::json::Dump(review.patch), &encoded);
    response["patchType"] = "JSONPatch";
    response["patch"] = std::move(encoded);
  }
  return pannier::json::Dump(
      {{"apiVersion", kApiVersion}, {"kind", "AdmissionReview"}, {"response", response}});
}

}  // namespace pannier::control

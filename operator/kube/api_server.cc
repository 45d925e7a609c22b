#include "operator/kube/api_server.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "lib/json/cold.h"
#include "operator/kube/api_error.h"
#include "operator/kube/resource_path.h"
#include "operator/kube/transport.h"
#include "operator/kube/watch_lines.h"

namespace pannier::kube {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kJsonPatch = "application/json-patch+json";
constexpr std::string_view kMergePatch = "application/merge-patch+json";
constexpr std::string_view kApplyPatch = "application/apply-patch+yaml";  // JSON is YAML
constexpr std::chrono::seconds kSilence{5};  // beyond the server's own time-out
constexpr size_t kRefusalBytesMax = 64 << 10;

std::string Doing(std::string_view verb, const Resource& resource, const ObjectKey& key) {
  std::string text = std::string(verb) + " " + std::string(resource.plural);
  if (!key.name.empty() || !key.ns.empty()) text += " " + key.ToString();
  return text;
}

bool IsGood(int status) { return status >= 200 && status < 300; }

Error Refused(const http::Response& response, std::string_view doing) {
  const Result<Json> status = json::ParseCold(response.body);
  return ApiError(response.status, status.ok() ? *status : Json(), doing);
}

ObjectKey KeyOf(const Json& object) {
  return {TextAt(object, "/metadata/namespace"), TextAt(object, "/metadata/name")};
}

}  // namespace

Result<std::unique_ptr<ApiServer>> ApiServer::Make(Access access, Options options,
                                                   const Clock& clock, RuntimeMetrics metrics) {
  Transport::Options carrying;
  carrying.user_agent = options.user_agent;
  carrying.connect_timeout = options.connect_timeout;
  carrying.timeout = options.timeout;
  carrying.calls_per_second = options.calls_per_second;
  carrying.calls_burst = options.calls_burst;
  carrying.answer_bytes_max = options.answer_bytes_max;
  auto transport = std::make_unique<Transport>(std::move(access), std::move(carrying), clock,
                                               std::move(metrics));
  TRY(transport->Check());
  return std::unique_ptr<ApiServer>(new ApiServer(std::move(transport), std::move(options)));
}

ApiServer::ApiServer(std::unique_ptr<Transport> transport, Options options)
    : options_(std::move(options)), transport_(std::move(transport)) {}
ApiServer::~ApiServer() = default;

Result<Json> ApiServer::Ask(std::string_view method, std::string path, const std::string& body,
                            std::string_view content_type, std::string_view doing) {
  const http::Response response =
      TRY(transport_->Send({method, std::move(path), body, content_type}).Context(doing));
  if (!IsGood(response.status)) return Refused(response, doing);
  Result<Json> tree = json::ParseCold(response.body);
  if (!tree.ok()) return Internal(std::string(doing) + ": the answer is no JSON");
  return tree;
}

Result<Json> ApiServer::Get(const Resource& resource, const ObjectKey& key) {
  const std::string path = TRY(PathOf(resource, key));
  return Ask("GET", path, "", kJson, Doing("get", resource, key));
}

Result<ListPage> ApiServer::List(const Resource& resource, const ListRequest& request,
                                 const ItemSink& sink) {
  const std::string doing = Doing("list", resource, {request.ns, ""});
  const std::string path = TRY(CollectionPathOf(resource, request.ns));
  Query query;
  query.Add("limit", std::to_string(request.limit));
  query.Add("labelSelector", request.label_selector);
  query.Add("continue", request.continue_token);
  const http::Response response =
      TRY(transport_->Send({"GET", path + query.text(), "", kJson}).Context(doing));
  if (!IsGood(response.status)) return Refused(response, doing);
  // Item by item: the trees of a page would take twenty times the memory of its text.
  json::Document document;
  const Result<json::Value> page = document.ParseCopy(response.body);
  if (!page.ok() || !page->is_object()) return Internal(doing + ": the answer is no JSON");
  if (const auto items = page->Find("items"); items && items->is_array()) {
    items->ForEachElement([&](json::Value item) {
      Json tree = json::ToCold(item);
      sink(tree);
      return true;
    });
  }
  const auto metadata = page->Find("metadata");
  const Json facts = metadata ? json::ToCold(*metadata) : Json();
  return ListPage{TextAt(facts, "/resourceVersion"), TextAt(facts, "/continue")};
}

Status ApiServer::Watch(const Resource& resource, const WatchRequest& request, WatchSink& sink,
                        std::stop_token stop) {
  const std::string doing = Doing("watch", resource, {request.ns, ""});
  const std::string path = TRY(CollectionPathOf(resource, request.ns));
  Query query;
  query.Add("watch", "true");
  query.Add("allowWatchBookmarks", "true");
  query.Add("labelSelector", request.label_selector);
  query.Add("resourceVersion", request.resource_version);
  query.Add("timeoutSeconds", std::to_string(request.timeout.count()));
  WatchLines lines(sink, options_.event_bytes_max, doing);
  http::Response refusal;
  http::Client::Receiver receiver;
  receiver.on_head = [&](const http::Response& head) {
    refusal.status = head.status;
    if (IsGood(head.status)) sink.OnOpen();
    return true;
  };
  receiver.on_bytes = [&](std::string_view bytes) {
    if (IsGood(refusal.status)) return lines.Take(bytes);
    refusal.body.append(bytes.substr(0, kRefusalBytesMax - refusal.body.size()));
    return refusal.body.size() < kRefusalBytesMax;
  };
  const Status ended =
      transport_->Stream(path + query.text(), request.timeout + kSilence, receiver, stop);
  if (stop.stop_requested()) return {};
  if (!lines.status().ok()) return lines.status();
  if (refusal.status != 0 && !IsGood(refusal.status)) return Refused(refusal, doing);
  return Status(ended).Context(doing);
}

Result<Json> ApiServer::Create(const Resource& resource, const Json& object) {
  const ObjectKey key = KeyOf(object);
  const std::string path = TRY(CollectionPathOf(resource, key.ns));
  Query query;
  query.Add("fieldManager", options_.field_manager);
  return Ask("POST", path + query.text(), json::Dump(object), kJson,
             Doing("create", resource, key));
}

Result<Json> ApiServer::Update(const Resource& resource, const Json& object) {
  const ObjectKey key = KeyOf(object);
  const std::string path = TRY(PathOf(resource, key));
  Query query;
  query.Add("fieldManager", options_.field_manager);
  return Ask("PUT", path + query.text(), json::Dump(object), kJson, Doing("update", resource, key));
}

Status ApiServer::Delete(const Resource& resource, const ObjectKey& key,
                         const Preconditions& preconditions) {
  const std::string path = TRY(PathOf(resource, key));
  Json options = {{"apiVersion", "v1"},
                  {"kind", "DeleteOptions"},
                  {"propagationPolicy", "Background"},
                  {"preconditions", Json::object()}};
  if (!preconditions.uid.empty()) options["preconditions"]["uid"] = preconditions.uid;
  if (!preconditions.resource_version.empty()) {
    options["preconditions"]["resourceVersion"] = preconditions.resource_version;
  }
  const Result<Json> deleted =
      Ask("DELETE", path, json::Dump(options), kJson, Doing("delete", resource, key));
  if (!deleted.ok()) return deleted.error();
  return {};
}

Result<Json> ApiServer::PatchJson(const Resource& resource, const ObjectKey& key,
                                  const Json& operations) {
  const std::string path = TRY(PathOf(resource, key));
  Query query;
  query.Add("fieldManager", options_.field_manager);
  return Ask("PATCH", path + query.text(), json::Dump(operations), kJsonPatch,
             Doing("patch", resource, key));
}

Result<Json> ApiServer::Apply(const Resource& resource, const ObjectKey& key, const Json& object,
                              bool force) {
  const std::string path = TRY(PathOf(resource, key));
  Query query;
  query.Add("fieldManager", options_.field_manager);
  query.Add("force", force ? "true" : "false");
  return Ask("PATCH", path + query.text(), json::Dump(object), kApplyPatch,
             Doing("apply", resource, key));
}

Result<Json> ApiServer::PatchStatus(const Resource& resource, const ObjectKey& key,
                                    std::string_view resource_version, const Json& status) {
  const std::string path = TRY(PathOf(resource, key));
  Json patch = {{"status", status}};
  if (!resource_version.empty()) patch["metadata"]["resourceVersion"] = resource_version;
  Query query;
  query.Add("fieldManager", options_.field_manager);
  return Ask("PATCH", path + "/status" + query.text(), json::Dump(patch), kMergePatch,
             Doing("patch the status of", resource, key));
}

Result<Json> ApiServer::GetPath(std::string_view path) {
  return Ask("GET", std::string(path), "", kJson, "get " + std::string(path));
}

}  // namespace pannier::kube

#include "cli/cluster/support_bundle.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/cluster/kinds.h"
#include "cli/cluster/object_view.h"
#include "cli/cluster/tar.h"
#include "cli/output.h"
#include "lib/contract/version.h"
#include "lib/core/time_text.h"
#include "lib/core/units.h"
#include "lib/inject/sidecar.h"

namespace pannier::cluster {
namespace {

using cli::Answer;
using kube::At;
using kube::TextAt;
using nlohmann::json;

constexpr size_t kEventsMax = 5'000;  // the newest
constexpr const char* kOperatorLabel = "app.kubernetes.io/name=pannier-operator";

bool SoundsSecret(std::string key) {
  std::transform(key.begin(), key.end(), key.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto has = [&](const char* word) { return key.find(word) != std::string::npos; };
  // Files and references are names of secrets, not secrets.
  if (key.ends_with("file") || key.ends_with("ref") || key.ends_with("name")) return false;
  return has("token") || has("secret") || has("password") || has("credential") || key == "key";
}

void Redact(json* tree) {
  if (tree->is_array()) {
    for (json& each : *tree) Redact(&each);
  } else if (tree->is_object()) {
    for (auto& [key, value] : tree->items()) {
      if (value.is_primitive() && SoundsSecret(key)) {
        value = "(removed)";
      } else {
        Redact(&value);
      }
    }
  }
}

// The members of `from` that are there.
json Pick(const json& from, std::initializer_list<const char*> members) {
  json picked = json::object();
  for (const char* member : members) {
    if (from.is_object() && from.contains(member)) picked[member] = from[member];
  }
  return picked;
}

// Reason and exit code, not the message: it can hold the end of a log.
json StateOf(const json& state) {
  json told = json::object();
  if (!state.is_object()) return told;
  for (const auto& [kind, value] : state.items()) {
    told[kind] = Pick(value, {"reason", "exitCode", "signal", "startedAt", "finishedAt"});
  }
  return told;
}

json ContainersOf(const json& statuses) {
  json containers = json::array();
  for (const json& each : statuses) {
    json container = Pick(each, {"name", "image", "imageID", "ready", "started", "restartCount"});
    container["state"] = StateOf(At(each, "/state"));
    container["lastState"] = StateOf(At(each, "/lastState"));
    containers.push_back(std::move(container));
  }
  return containers;
}

// Collects the files of a bundle, and what could not be had.
class Collector {
 public:
  Collector(Session& session, std::string scope)
      : session_(session), scope_(std::move(scope)), tar_(session.clock.Now()) {}

  Status Collect() {
    for (const kube::Resource& kind : kOurKinds) TRY(AddObjects(kind));
    TRY(AddPods("pods.json", scope_, inject::kOptInLabel));
    TRY(AddPods("operator.json", "", kOperatorLabel));
    TRY(AddEvents());
    return AddAbout();
  }
  std::string Take() { return tar_.Take(); }
  const json& missing() const { return missing_; }

 private:
  Status Add(const std::string& name, const json& content) {
    return tar_.Add("pannier-support/" + name, cli::ToJson(content));
  }

  // The list; an empty one, and a note, where it may not be read.
  Result<std::vector<json>> List(const kube::Resource& resource, const std::string& ns,
                                 const std::string& selector) {
    Result<std::vector<json>> objects = ListAll(session_.api, resource, ns, selector);
    if (objects.Is(Errc::kPermissionDenied) || objects.Is(Errc::kResourceExhausted)) {
      missing_.push_back(std::string(resource.plural) + ": " + objects.error().what);
      return std::vector<json>();
    }
    return objects;
  }

  Status AddObjects(const kube::Resource& kind) {
    json objects = json::array();
    for (json& each : TRY(List(kind, scope_, "")))
      objects.push_back(WithoutSecrets(std::move(each)));
    return Add(std::string(kind.plural) + ".json", objects);
  }

  Status AddPods(const std::string& file, const std::string& ns, const std::string& selector) {
    json pods = json::array();
    for (const json& pod : TRY(List(kube::kPods, ns, selector))) {
      pods.push_back(PodSummary(pod));
      pods_.insert(TextAt(pod, "/metadata/uid"));
    }
    return Add(file, pods);
  }

  bool IsAboutUs(const json& event) const {
    return TextAt(event, "/regarding/apiVersion").starts_with("pannier.dev/") ||
           pods_.contains(TextAt(event, "/regarding/uid"));
  }

  Status AddEvents() {
    std::vector<json> events = TRY(List(kube::kEvents, scope_, ""));
    std::erase_if(events, [&](const json& each) { return !IsAboutUs(each); });
    const auto when = [](const json& event) {
      const std::string time = TextAt(event, "/eventTime");
      return time.empty() ? TextAt(event, "/metadata/creationTimestamp") : time;
    };
    std::stable_sort(events.begin(), events.end(),
                     [&](const json& a, const json& b) { return when(a) > when(b); });
    if (events.size() > kEventsMax) events.resize(kEventsMax);
    json told = json::array();
    for (const json& each : events) {
      json event = Pick(each, {"type", "reason", "action", "note", "regarding", "series",
                               "reportingController", "reportingInstance"});
      event["time"] = when(each);
      told.push_back(std::move(event));
    }
    return Add("events.json", told);
  }

  Status AddAbout() {
    json about = {{"made", FormatTime(session_.clock.Now())},
                  {"by", "kubectl-pannier " + contract::VersionLine()},
                  {"namespace", scope_.empty() ? "(all)" : scope_},
                  {"missing", missing_}};
    const Result<json> version = session_.api.GetPath("/version");
    about["server"] =
        version.ok() ? Pick(*version, {"gitVersion", "platform"}) : json(version.error().what);
    return Add("about.json", about);
  }

  Session& session_;
  const std::string scope_;
  Tar tar_;
  std::set<std::string> pods_;  // uids of those that are told of
  json missing_ = json::array();
};

}  // namespace

json WithoutSecrets(json object) {
  if (json& metadata = object["metadata"]; metadata.is_object()) {
    json ours = json::object();
    for (const auto& [key, value] : At(metadata, "/annotations").items()) {
      if (key.starts_with("pannier.dev/")) ours[key] = value;
    }
    metadata["annotations"] = std::move(ours);
  }
  if (object.contains("spec")) Redact(&object["spec"]);
  return object;
}

json PodSummary(const json& pod) {
  json summary = Pick(At(pod, "/metadata"), {"namespace", "name", "uid", "creationTimestamp"});
  const std::string vector_store = TextAt(pod, "/metadata/labels/pannier.dev~1vectorstore");
  if (!vector_store.empty()) summary["vectorStore"] = vector_store;
  summary["node"] = TextAt(pod, "/spec/nodeName");
  const json& status = At(pod, "/status");
  summary.update(Pick(status, {"phase", "reason", "startTime"}));
  summary["conditions"] = json::array();
  for (const json& each : At(status, "/conditions")) {
    summary["conditions"].push_back(Pick(each, {"type", "status", "reason", "lastTransitionTime"}));
  }
  summary["initContainers"] = ContainersOf(At(status, "/initContainerStatuses"));
  summary["containers"] = ContainersOf(At(status, "/containerStatuses"));
  return summary;
}

Result<Answer> WriteSupportBundle(const Arguments& arguments, Session& session,
                                  file::FileSystem& files) {
  Collector collector(session, arguments.all_namespaces ? "" : session.ns);
  TRY(collector.Collect());
  const std::string archive = collector.Take();
  TRY(file::ReplaceFile(files, arguments.file, archive).Context("write " + arguments.file));
  std::string text = arguments.file + ": " + FormatBytes(archive.size()) +
                     "; it holds no Secrets, " +
                     "but names of your objects: look before you send it\n";
  for (const json& each : collector.missing())
    text += "left out: " + each.get<std::string>() + "\n";
  return Answer{std::move(text)};
}

}  // namespace pannier::cluster

// Goal: a file of manifests gets what the webhook would give its pods, and nothing else changes.
// Method: files in a temporary directory, the command run on them.
#include "cli/inject.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "cli/manifest.h"
#include "lib/file/file_system.h"
#include "tests/support/temp_dir.h"

namespace pannier::cli {
namespace {

using nlohmann::json;
using test::TempDir;

constexpr const char* kVectorStore =
    "apiVersion: pannier.dev/v1alpha1\n"
    "kind: VectorStore\n"
    "metadata: {name: docs}\n"
    "spec:\n"
    "  storage: {existingVolume: {name: data}}\n"
    "  daemon: {image: registry.example/pannierd:1}\n";

constexpr const char* kWorkload =
    "# the web\n"
    "apiVersion: v1\n"
    "kind: Service\n"
    "metadata: {name: web}\n"
    "spec: {ports: [{port: 80}]}\n"
    "---\n"
    "apiVersion: apps/v1\n"
    "kind: StatefulSet\n"
    "metadata: {name: web}\n"
    "spec:\n"
    "  replicas: 2\n"
    "  template:\n"
    "    metadata: {labels: {pannier.dev/vectorstore: docs, version: \"1\"}}\n"
    "    spec:\n"
    "      containers: [{name: web, image: w, env: [{name: MODE, value: \"0644\"}]}]\n"
    "      volumes: [{name: s, secret: {secretName: s, defaultMode: 0440}}]\n"
    "  volumeClaimTemplates: [{metadata: {name: data}}]\n";

struct Files {
  Arguments arguments;
  TempDir dir;
  Files(const std::string& manifest, const std::string& vector_store = kVectorStore) {
    arguments.command = Command::kInject;
    arguments.format = Format::kYaml;
    arguments.file = Write("manifest.yaml", manifest);
    arguments.vector_store_file = Write("store.yaml", vector_store);
  }
  std::string Write(const std::string& name, const std::string& text) {
    REQUIRE(file::ReplaceFile(file::RealFileSystem(), dir / name, text).ok());
    return (dir / name).string();
  }
  Result<std::vector<json>> Run() {
    const Result<std::string> text = Inject(arguments);
    if (!text.ok()) return text.error();
    return ParseManifests(*text, "answer");
  }
};

TEST_CASE("inject: a workload's template gets the sidecar, other documents stay", "[cli]") {
  Files files(kWorkload);
  const std::vector<json> after = files.Run().value();
  REQUIRE(after.size() == 2);
  REQUIRE(after[0] == ParseManifests(kWorkload, "f").value()[0]);
  const json& pod = after[1]["spec"]["template"];
  REQUIRE(pod["spec"]["initContainers"][0]["name"] == "pannierd");
  REQUIRE(pod["metadata"]["labels"]["pannier.dev/injected"] == "true");
  REQUIRE(pod["metadata"]["labels"]["version"] == "1");
  REQUIRE(pod["spec"]["containers"][0]["env"][0]["value"] == "0644");
  REQUIRE(pod["spec"]["volumes"][0]["secret"]["defaultMode"] == 0440);
  // The claim template's volume is the StatefulSet controller's to add.
  for (const json& volume : pod["spec"]["volumes"]) REQUIRE(volume["name"] != "data");
  REQUIRE(after[1]["spec"]["replicas"] == 2);
}

TEST_CASE("inject: the result is stable when it is injected again, as YAML and as JSON", "[cli]") {
  Files files(kWorkload);
  const std::string once = Inject(files.arguments).value();
  Files again(once);
  REQUIRE(Inject(again.arguments).value() == once);
  files.arguments.format = Format::kJson;
  const json list = json::parse(Inject(files.arguments).value());
  REQUIRE(list["kind"] == "List");
  REQUIRE(list["items"][1] == ParseManifests(once, "f").value()[1]);
}

TEST_CASE("inject: pods, jobs, cron jobs and lists have their templates elsewhere", "[cli]") {
  const std::string pod =
      R"({"metadata":{"labels":{"pannier.dev/vectorstore":"docs"}},"spec":{"containers":[{"name":"a"}],"volumes":[{"name":"data"}]}})";
  json plain = json::parse(pod);
  plain["kind"] = "Pod";
  const json template_of = {{"template", json::parse(pod)}};
  const json cron = {{"kind", "CronJob"}, {"spec", {{"jobTemplate", {{"spec", template_of}}}}}};
  const json list = {{"kind", "List"},
                     {"items", {plain, {{"kind", "Job"}, {"spec", template_of}}, cron}}};
  inject::Sidecar sidecar;
  sidecar.vector_store = "docs";
  sidecar.image = "i";
  int found = 0;
  const json after = InjectInto(list, sidecar, &found).value();
  REQUIRE(found == 3);
  REQUIRE(after["items"][0]["spec"]["initContainers"].size() == 1);
  REQUIRE(after["items"][1]["spec"]["template"]["spec"]["initContainers"].size() == 1);
  REQUIRE(after["items"][2]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["initContainers"]
              .size() == 1);
  sidecar.vector_store = "other";
  REQUIRE(InjectInto(list, sidecar, &found).value() == list);
  REQUIRE(found == 3);
}

TEST_CASE("inject: what cannot be done is said with file and object", "[cli]") {
  Files nobody("kind: Pod\nmetadata: {name: p}\nspec: {containers: []}\n");
  REQUIRE(Inject(nobody.arguments).error().hint.find("pannier.dev/vectorstore: docs") !=
          std::string::npos);
  Files swapped(kWorkload, kWorkload);
  REQUIRE(Inject(swapped.arguments).error().what.find("no VectorStore") != std::string::npos);
  Files no_image(kWorkload,
                 "kind: VectorStore\nmetadata: {name: docs}\n"
                 "spec: {storage: {existingVolume: {name: data}}}\n");
  REQUIRE(Inject(no_image.arguments).error().what.find("spec.daemon.image") != std::string::npos);
  no_image.arguments.image = "i:1";
  REQUIRE(no_image.Run().ok());
  Files broken("kind: [\n");
  REQUIRE(Inject(broken.arguments).Is(Errc::kInvalidArgument));
  broken.arguments.file = "/nonexistent";
  REQUIRE(Inject(broken.arguments).Is(Errc::kNotFound));
}

}  // namespace
}  // namespace pannier::cli

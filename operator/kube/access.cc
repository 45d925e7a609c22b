#include "operator/kube/access.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "lib/config/value.h"
#include "lib/json/base64.h"

namespace pannier::kube {
namespace {

namespace fs = std::filesystem;
using config::Value;

constexpr size_t kFileBytesMax = 4 << 20;

Result<std::string> ReadFile(const fs::path& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) return FromErrno(errno == 0 ? ENOENT : errno, "read " + path.string());
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (in.bad()) return Unavailable("read " + path.string() + " failed");
  if (text.size() > kFileBytesMax) return InvalidArgument(path.string() + " is too long");
  return text;
}

std::string Trimmed(std::string text) {
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  return text;
}

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// A kubeconfig with what it takes to speak of it.
struct Config {
  fs::path file;
  Value root;

  Error Wrong(const std::string& what, std::string hint = "") const {
    return InvalidArgument(file.string() + ": " + what, std::move(hint));
  }
};

std::string Text(const Value* map, std::string_view key) {
  const Value* const member = map == nullptr ? nullptr : map->Find(key);
  return member == nullptr ? "" : member->scalar;
}

// The entry called `name` of a list such as `clusters`, and in it the map `inner`.
Result<const Value*> Named(const Config& config, std::string_view list, const std::string& name,
                           std::string_view inner) {
  if (const Value* const entries = config.root.Find(list)) {
    for (const Value& entry : entries->items) {
      const Value* const map = entry.Find(inner);
      if (Text(&entry, "name") == name && map != nullptr) return map;
    }
  }
  return config.Wrong("no " + std::string(inner) + " is called \"" + name + "\"");
}

Result<std::string> Decode(const Config& config, const std::string& key, const std::string& text) {
  const std::optional<size_t> size = json::Base64Size(text);
  std::string bytes(size.value_or(0), '\0');
  if (!size || !json::DecodeBase64(text, reinterpret_cast<uint8_t*>(bytes.data()))) {
    return config.Wrong(key + " is no base64");
  }
  return bytes;
}

// `<key>-data`, or what the file `<key>` holds, or "".
Result<std::string> DataOrFile(const Config& config, const Value* map, const std::string& key) {
  const std::string data = Text(map, key + "-data");
  if (!data.empty()) return Decode(config, key + "-data", data);
  const std::string file = Text(map, key);
  if (file.empty()) return std::string();
  return ReadFile(config.file.parent_path() / file);
}

Status TakeCluster(const Config& config, const Value* cluster, Access* access) {
  access->server = Text(cluster, "server");
  if (!access->server.starts_with("https://")) {
    return config.Wrong("the server \"" + access->server + "\" is not https");
  }
  if (Text(cluster, "insecure-skip-tls-verify") == "true") {
    return config.Wrong("insecure-skip-tls-verify is not supported",
                        "name the authority by certificate-authority or its -data");
  }
  if (!Text(cluster, "proxy-url").empty()) return config.Wrong("proxy-url is not supported");
  access->server_name = Text(cluster, "tls-server-name");
  access->ca = TRY(DataOrFile(config, cluster, "certificate-authority"));
  return {};
}

Status TakeUser(const Config& config, const Value* user, Access* access) {
  for (const char* unsupported : {"exec", "auth-provider", "username", "as"}) {
    if (user->Find(unsupported) != nullptr) {
      return config.Wrong("users with \"" + std::string(unsupported) + "\" are not supported",
                          "use a client certificate or a token (kubectl create token)");
    }
  }
  access->certificate = TRY(DataOrFile(config, user, "client-certificate"));
  access->key = TRY(DataOrFile(config, user, "client-key"));
  access->token = Text(user, "token");
  const std::string token_file = Text(user, "tokenFile");
  if (!token_file.empty()) {
    access->token.clear();
    access->token_file = config.file.parent_path() / token_file;
  }
  return {};
}

}  // namespace

Result<Access> InClusterAccess(const fs::path& folder) {
  const std::string host = Variable("KUBERNETES_SERVICE_HOST");
  const std::string port = Variable("KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty()) return NotFound("this process does not run in a cluster");
  Access access;
  const bool is_v6 = host.find(':') != std::string::npos;
  access.server = "https://" + (is_v6 ? "[" + host + "]" : host) + ":" + port;
  access.token_file = folder / "token";
  TRY(ReadFile(access.token_file).Context("service account"));
  access.ca = TRY(ReadFile(folder / "ca.crt").Context("service account"));
  access.default_namespace =
      Trimmed(TRY(ReadFile(folder / "namespace").Context("service account")));
  return access;
}

Result<Access> KubeconfigAccess(const fs::path& file, const std::string& context) {
  const std::string text = TRY(ReadFile(file));
  Config config{fs::absolute(file), {}};
  config.root = TRY(config::ParseYaml(text, file.string()));
  const std::string name = context.empty() ? Text(&config.root, "current-context") : context;
  const Result<const Value*> chosen = Named(config, "contexts", name, "context");
  if (!chosen.ok()) {
    return NotFound(chosen.error().what, "see `kubectl config get-contexts`");
  }
  Access access;
  const Value* const cluster = TRY(Named(config, "clusters", Text(*chosen, "cluster"), "cluster"));
  TRY(TakeCluster(config, cluster, &access));
  const Value* const user = TRY(Named(config, "users", Text(*chosen, "user"), "user"));
  TRY(TakeUser(config, user, &access));
  const std::string ns = Text(*chosen, "namespace");
  if (!ns.empty()) access.default_namespace = ns;
  return access;
}

Result<Access> FindAccess(const fs::path& kubeconfig, const std::string& context) {
  if (!kubeconfig.empty()) return KubeconfigAccess(kubeconfig, context);
  const std::string listed = Variable("KUBECONFIG");
  if (!listed.empty()) return KubeconfigAccess(listed.substr(0, listed.find(':')), context);
  if (context.empty()) {
    Result<Access> inside = InClusterAccess();
    if (!inside.Is(Errc::kNotFound)) return inside;
  }
  const fs::path usual = fs::path(Variable("HOME")) / ".kube" / "config";
  Result<Access> outside = KubeconfigAccess(usual, context);
  if (outside.ok() || !outside.Is(Errc::kNotFound)) return outside;
  return NotFound("no way to the Kubernetes API: not in a cluster, and no " + usual.string(),
                  "name a kubeconfig by --kubeconfig or $KUBECONFIG");
}

}  // namespace pannier::kube

// Goal: each way to name an API server is understood, and what is not supported is said.
#include "operator/kube/access.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "lib/json/base64.h"
#include "tests/support/temp_dir.h"

namespace pannier::kube {
namespace {

void Write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path) << text;
}

std::string Base64(const std::string& text) {
  std::string encoded;
  json::AppendBase64(text, &encoded);
  return encoded;
}

std::string Kubeconfig(const std::string& cluster, const std::string& user) {
  return "apiVersion: v1\nkind: Config\ncurrent-context: here\ncontexts:\n"
         "- name: there\n  context: {cluster: c, user: nobody}\n"
         "- name: here\n  context: {cluster: c, user: u, namespace: mine}\n"
         "clusters:\n- name: c\n  cluster: {" +
         cluster +
         "}\n"
         "users:\n- name: u\n  user: {" +
         user + "}\n";
}

TEST_CASE("access: a kubeconfig's files and data are read", "[operator][kube]") {
  test::TempDir dir;
  Write(dir / "ca.crt", "the authority");
  Write(dir / "config", Kubeconfig("server: https://10.0.0.1:6443, certificate-authority: ca.crt, "
                                   "tls-server-name: kubernetes",
                                   "client-certificate-data: " + Base64("a certificate") +
                                       ", client-key-data: " + Base64("a key")));
  const Access access = KubeconfigAccess(dir / "config").value();
  REQUIRE(access.server == "https://10.0.0.1:6443");
  REQUIRE(access.server_name == "kubernetes");
  REQUIRE(access.ca == "the authority");
  REQUIRE(access.certificate == "a certificate");
  REQUIRE(access.key == "a key");
  REQUIRE(access.default_namespace == "mine");
  REQUIRE(KubeconfigAccess(dir / "config", "elsewhere").Is(Errc::kNotFound));
  REQUIRE(KubeconfigAccess(dir / "config", "there").Is(Errc::kInvalidArgument));  // no such user
  REQUIRE(FindAccess(dir / "config").value().server == access.server);
  REQUIRE(FindAccess(dir / "config", "here").value().server == access.server);
  REQUIRE(FindAccess(dir / "config", "elsewhere").Is(Errc::kNotFound));
}

TEST_CASE("access: tokens come from the file or from beside it", "[operator][kube]") {
  test::TempDir dir;
  Write(dir / "config", Kubeconfig("server: https://h", "token: abc"));
  REQUIRE(KubeconfigAccess(dir / "config").value().token == "abc");
  Write(dir / "config", Kubeconfig("server: https://h", "token: abc, tokenFile: t"));
  REQUIRE(KubeconfigAccess(dir / "config").value().token.empty());
  REQUIRE(KubeconfigAccess(dir / "config").value().token_file == dir / "t");
}

TEST_CASE("access: what is not supported is named", "[operator][kube]") {
  test::TempDir dir;
  const auto refused = [&](const std::string& cluster, const std::string& user,
                           const std::string& word) {
    Write(dir / "config", Kubeconfig(cluster, user));
    const Result<Access> access = KubeconfigAccess(dir / "config");
    return access.Is(Errc::kInvalidArgument) && access.error().what.find(word) != std::string::npos;
  };
  REQUIRE(refused("server: http://h", "token: a", "not https"));
  REQUIRE(refused("server: https://h, insecure-skip-tls-verify: true", "token: a", "insecure"));
  REQUIRE(refused("server: https://h", "exec: {command: x}", "\"exec\""));
  REQUIRE(refused("server: https://h", "client-key-data: \"***\"", "no base64"));
  REQUIRE(KubeconfigAccess(dir / "none").Is(Errc::kNotFound));
}

TEST_CASE("access: inside a cluster the service account is used", "[operator][kube]") {
  test::TempDir dir;
  REQUIRE(InClusterAccess(dir.path()).Is(Errc::kNotFound));  // no variables
  ::setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
  ::setenv("KUBERNETES_SERVICE_PORT", "443", 1);
  REQUIRE(InClusterAccess(dir.path()).Is(Errc::kNotFound));  // no files
  Write(dir / "token", "abc\n");
  Write(dir / "ca.crt", "the authority");
  Write(dir / "namespace", "pannier\n");
  const Access access = InClusterAccess(dir.path()).value();
  ::unsetenv("KUBERNETES_SERVICE_HOST");
  ::unsetenv("KUBERNETES_SERVICE_PORT");
  REQUIRE(access.server == "https://[fd00::1]:443");
  REQUIRE(access.token_file == dir / "token");
  REQUIRE(access.ca == "the authority");
  REQUIRE(access.default_namespace == "pannier");
}

}  // namespace
}  // namespace pannier::kube

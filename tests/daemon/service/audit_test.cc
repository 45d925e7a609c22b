// Goal: whoever changes something through the admin API can be told afterwards, and no line of the
// log grows with what a stranger sends.
#include "daemon/service/audit.h"

#include <catch2/catch.hpp>

namespace pannier::service {
namespace {

http::Request Request(std::string_view method, std::string_view path) {
  http::Request request;
  request.method = method;
  request.path = path;
  return request;
}
http::Response Answer(int status) {
  http::Response response;
  response.status = status;
  return response;
}

TEST_CASE("audit: what changes something is told, what looks is not", "[daemon][service]") {
  REQUIRE_FALSE(AuditOf(Request("GET", "/admin/v1/stores"), Answer(200)));
  const auto entry = AuditOf(Request("DELETE", "/admin/v1/operations/u"), Answer(200));
  REQUIRE(entry);
  REQUIRE(entry->call == "DELETE /admin/v1/operations/u");
  REQUIRE_FALSE(entry->is_refused());
  REQUIRE(AuditOf(Request("PUT", "/admin/v1/operations/u"), Answer(409))->is_refused());
}

TEST_CASE("audit: who may not even look is told", "[daemon][service]") {
  REQUIRE(AuditOf(Request("GET", "/admin/v1/stores"), Answer(403))->is_refused());
  REQUIRE(AuditOf(Request("GET", "/admin/v1/stores"), Answer(401)));
  REQUIRE_FALSE(AuditOf(Request("GET", "/admin/v1/nothing"), Answer(404)));
}

TEST_CASE("audit: it names the process, or whom the certificate names", "[daemon][service]") {
  http::Request request = Request("PUT", "/admin/v1/operations/u");
  request.peer.is_unix = true;
  request.peer.uid = 1000;
  request.peer.pid = 42;
  REQUIRE(AuditOf(request, Answer(200))->who == "uid=1000 pid=42");
  request.peer = {};
  request.peer.address = "10.0.0.7:5000";
  REQUIRE(AuditOf(request, Answer(200))->who == "10.0.0.7:5000");
  request.peer.certificate_name = "pannier-operator";
  REQUIRE(AuditOf(request, Answer(200))->who == "pannier-operator");
}

TEST_CASE("audit: a long path is cut, and a query is not repeated", "[daemon][service]") {
  const std::string path = "/admin/v1/" + std::string(5'000, 'x');
  http::Request request = Request("POST", path);
  request.query = "token=secret";
  const auto entry = AuditOf(request, Answer(404));
  REQUIRE(entry->call.size() == 256);
  REQUIRE(entry->call.find("secret") == std::string::npos);
}

}  // namespace
}  // namespace pannier::service

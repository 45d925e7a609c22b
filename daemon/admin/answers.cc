#include "daemon/admin/answers.h"

#include <nlohmann/json.hpp>

#include "lib/json/cold.h"

namespace pannier::admin {
namespace {

int StatusOf(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument:
    case Errc::kMalformed:
      return 400;
    case Errc::kPermissionDenied:
      return 403;
    case Errc::kNotFound:
      return 404;
    case Errc::kConflict:
      return 409;
    case Errc::kResourceExhausted:
      return 429;
    case Errc::kUnimplemented:
      return 501;
    case Errc::kUnavailable:
      return 503;
    case Errc::kDeadlineExceeded:
      return 504;
    case Errc::kStorageFull:
      return 507;
    case Errc::kCorruption:
    case Errc::kInternal:
      break;
  }
  return 500;
}

}  // namespace

http::Response Text(int status, std::string body) {
  http::Response response;
  response.status = status;
  response.content_type = "text/plain; charset=utf-8";
  response.body = std::move(body);
  return response;
}

http::Response Json(int status, const nlohmann::json& body) {
  http::Response response;
  response.status = status;
  response.body = json::Dump(body);
  return response;
}

http::Response Failure(const Error& error) {
  http::Response response =
      Json(StatusOf(error.code), {{"error", std::string(ToString(error.code))},
                                  {"message", error.what},
                                  {"hint", error.hint}});
  if (response.status == 429 || response.status == 503) {
    response.headers.emplace_back("Retry-After", "1");
  }
  return response;
}

}  // namespace pannier::admin

// Goal: each refusal of the API has the code that says what to do, its message and its fields.
#include "operator/kube/api_error.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace pannier::kube {
namespace {

TEST_CASE("api error: every status has its code", "[operator][kube]") {
  const std::pair<int, Errc> kTable[] = {
      {400, Errc::kInvalidArgument}, {401, Errc::kPermissionDenied}, {403, Errc::kPermissionDenied},
      {404, Errc::kNotFound},        {405, Errc::kUnimplemented},    {409, Errc::kConflict},
      {410, Errc::kConflict},        {415, Errc::kUnimplemented},    {422, Errc::kInvalidArgument},
      {500, Errc::kUnavailable},     {503, Errc::kUnavailable},      {504, Errc::kDeadlineExceeded},
      {302, Errc::kUnavailable},
  };
  for (const auto& [status, code] : kTable) {
    CAPTURE(status);
    const Error error = ApiError(status, nlohmann::json(), "get pods a/b");
    REQUIRE(error.code == code);
    REQUIRE(error.what == "get pods a/b: the API server answered " + std::to_string(status));
  }
}

TEST_CASE("api error: messages are cut, fields are named", "[operator][kube]") {
  const nlohmann::json status = {{"message", std::string(5'000, 'm')},
                                 {"details",
                                  {{"causes",
                                    {{{"field", "spec.schedule"}, {"message", "Invalid value"}},
                                     {{"message", "no field"}},
                                     {{"field", "spec.timeZone"}, {"message", "unknown"}}}}}}};
  const Error error = ApiError(422, status, "create x");
  REQUIRE(error.what.size() < 2'100);
  REQUIRE(error.hint == "field spec.schedule: Invalid value; field spec.timeZone: unknown");
}

}  // namespace
}  // namespace pannier::kube

#include "tests/daemon/api/api_fixture.h"

#include <catch2/catch.hpp>

namespace pannier::test {

std::optional<std::string> Answer::Header(const std::string& name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return std::nullopt;
}

ApiFixture::ApiFixture(api::ApiOptions options, api::ApiHooks hooks) {
  stores_ = store::Stores::Open((dir_ / "data").string(), {}, file::RealFileSystem(), SystemClock(),
                                nullptr)
                .value();
  sessions_ = std::make_unique<sessions::Registry>(
      *stores_, SystemClock(), sessions::Registry::Options(), sessions::Registry::Hooks());
  api_ = std::make_unique<api::Api>(*stores_, SystemClock(), std::move(options), std::move(hooks),
                                    sessions_.get());
}

Answer ApiFixture::Send(const std::string& method, const std::string& target,
                        const std::string& body, const Headers& headers,
                        const service::Authorizer* authorizer) const {
  std::string padded = body;
  padded.append(http::kBodyPadding, '\0');
  http::Request request;
  request.method = method;
  const size_t question = target.find('?');
  request.path = std::string_view(target).substr(0, question);
  if (question != std::string::npos) request.query = std::string_view(target).substr(question + 1);
  request.body = std::string_view(padded).substr(0, body.size());
  for (const auto& [name, value] : headers) request.headers.emplace_back(name, value);
  request.deadline =
      SystemClock().Steady() + std::chrono::seconds(request.Header("test-deadline") ? -1 : 30);
  http::Response response = api_->Handle(request, authorizer);
  return {response.status, std::move(response.body), std::move(response.content_type),
          std::move(response.headers)};
}

std::string ApiFixture::NewCollection(const std::string& name, const Tree& more) const {
  Tree body = {{"name", name}};
  body.update(more);
  const Answer made = Post(kDatabase + "/collections", body);
  INFO(made.body);
  REQUIRE(made.status == 200);
  return kDatabase + "/collections/" + made.json()["id"].get<std::string>();
}

}  // namespace pannier::test

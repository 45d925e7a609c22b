// Goal: what a SnapshotRepository says reaches the client, and what is missing is named, but never
// shown.
#include "operator/repositories/s3_access.h"

#include <catch2/catch.hpp>

namespace pannier::control {
namespace {

using Data = std::map<std::string, std::string>;

struct World {
  World() {
    repository.meta.name = "main";
    S3Spec spec;
    spec.bucket = "bucket";
    spec.prefix = "a/b";
    spec.credentials = S3CredentialsRef{"keys", "id", "key", ""};
    repository.spec.s3 = spec;
    secrets.credentials = {{"id", "AKID\n"}, {"key", " s3cret \n"}, {"token", "t0ken"}};
  }
  SnapshotRepository repository;
  RepositorySecrets secrets;
};

TEST_CASE("s3 access: the spec and its Secrets are what the client gets", "[operator]") {
  World world;
  S3Access access = AccessOf(world.repository, world.secrets).value();
  REQUIRE(access.options.bucket == "bucket");
  REQUIRE(access.options.prefix == "a/b");
  REQUIRE(access.options.endpoint.empty());
  REQUIRE(access.options.region == "us-east-1");
  REQUIRE(access.options.ca_pem.empty());
  REQUIRE(access.credentials == repository::Credentials{"AKID", "s3cret", ""});

  S3Spec& spec = *world.repository.spec.s3;
  spec.region = "eu-central-1";
  spec.addressing = AddressingStyle::kVirtual;
  spec.encryption = Encryption::kKms;
  spec.kms_key_id = "arn";
  spec.credentials->session_token = "token";
  spec.ca_bundle = CaBundleRef{"authorities", "ca.crt"};
  world.secrets.ca_bundle = Data{{"ca.crt", "PEM\n"}};
  access = AccessOf(world.repository, world.secrets).value();
  REQUIRE(access.options.region == "eu-central-1");
  REQUIRE(access.options.addressing == repository::Addressing::kVirtual);
  REQUIRE(access.options.encryption == repository::S3Options::Encryption::kKms);
  REQUIRE(access.options.kms_key_id == "arn");
  REQUIRE(access.options.ca_pem == "PEM");
  REQUIRE(access.credentials.session_token == "t0ken");
}

TEST_CASE("s3 access: what is missing is named", "[operator]") {
  World world;
  world.repository.spec.s3->credentials->secret_key = "password";
  const auto lacks = AccessOf(world.repository, world.secrets);
  REQUIRE(lacks.Is(Errc::kNotFound));
  REQUIRE(lacks.error().what == "the Secret keys has no key \"password\"");
  (*world.secrets.credentials)["password"] = " \n";
  REQUIRE(AccessOf(world.repository, world.secrets).Is(Errc::kNotFound));
  (*world.secrets.credentials)["password"] = "x";
  REQUIRE(AccessOf(world.repository, world.secrets).ok());

  world.repository.spec.s3->ca_bundle = CaBundleRef{"authorities", "ca.crt"};
  REQUIRE(AccessOf(world.repository, world.secrets).Is(Errc::kPermissionDenied));
  world.secrets.ca_bundle = Data{{"other", "PEM"}};
  REQUIRE(AccessOf(world.repository, world.secrets).error().what ==
          "the CA bundle authorities has no key \"ca.crt\"");

  world.secrets.credentials.reset();
  REQUIRE(AccessOf(world.repository, world.secrets).error().what == "the Secret keys is not there");
  world.repository.spec.s3->credentials.reset();
  REQUIRE(AccessOf(world.repository, world.secrets).Is(Errc::kNotFound));
  world.repository.spec.s3.reset();
  REQUIRE(AccessOf(world.repository, world.secrets).Is(Errc::kInvalidArgument));
}

}  // namespace
}  // namespace pannier::control

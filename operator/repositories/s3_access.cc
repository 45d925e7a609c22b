#include "operator/repositories/s3_access.h"

namespace pannier::control {
namespace {

using Data = std::optional<std::map<std::string, std::string>>;

// Without the newline that editors leave.
std::string Trimmed(std::string text) {
  constexpr const char* kSpace = " \t\r\n";
  text.erase(text.find_last_not_of(kSpace) + 1);
  text.erase(0, text.find_first_not_of(kSpace));
  return text;
}

// Nothing of a value is ever in a message.
Result<std::string> Take(const Data& data, const std::string& name, const std::string& key) {
  if (!data) return NotFound(name + " is not there");
  const auto found = data->find(key);
  std::string text = found == data->end() ? "" : Trimmed(found->second);
  if (text.empty()) return NotFound(name + " has no key \"" + key + "\"");
  return text;
}

Result<repository::Credentials> CredentialsOf(const S3Spec& spec, const Data& data) {
  if (!spec.credentials) {
    return NotFound("no Secret is named", "set spec.s3.credentialsSecretRef");
  }
  const S3CredentialsRef& ref = *spec.credentials;
  const std::string name = "the Secret " + ref.name;
  repository::Credentials credentials;
  credentials.access_key = TRY(Take(data, name, ref.access_key));
  credentials.secret_key = TRY(Take(data, name, ref.secret_key));
  if (!ref.session_token.empty()) {
    credentials.session_token = TRY(Take(data, name, ref.session_token));
  }
  return credentials;
}

repository::Addressing AddressingOf(AddressingStyle style) {
  switch (style) {
    case AddressingStyle::kPath:
      return repository::Addressing::kPath;
    case AddressingStyle::kVirtual:
      return repository::Addressing::kVirtual;
    case AddressingStyle::kAuto:
      break;
  }
  return repository::Addressing::kAuto;
}

repository::S3Options::Encryption EncryptionOf(Encryption encryption) {
  switch (encryption) {
    case Encryption::kAes256:
      return repository::S3Options::Encryption::kAes256;
    case Encryption::kKms:
      return repository::S3Options::Encryption::kKms;
    case Encryption::kNone:
      break;
  }
  return repository::S3Options::Encryption::kNone;
}

}  // namespace

Result<S3Access> AccessOf(const SnapshotRepository& repository, const RepositorySecrets& secrets) {
  if (!repository.spec.s3) return InvalidArgument(repository.meta.name + " is not in S3");
  const S3Spec& spec = *repository.spec.s3;
  S3Access access;
  access.credentials = TRY(CredentialsOf(spec, secrets.credentials));
  repository::S3Options& options = access.options;
  options.bucket = spec.bucket;
  options.prefix = spec.prefix;
  options.endpoint = spec.endpoint;
  if (!spec.region.empty()) options.region = spec.region;
  options.addressing = AddressingOf(spec.addressing);
  options.encryption = EncryptionOf(spec.encryption);
  options.kms_key_id = spec.kms_key_id;
  options.storage_class = spec.storage_class;
  if (spec.ca_bundle) {
    Result<std::string> pem =
        Take(secrets.ca_bundle, "the CA bundle " + spec.ca_bundle->name, spec.ca_bundle->key);
    if (!pem.ok()) return PermissionDenied(pem.error().what);
    options.ca_pem = std::move(pem).value();
  }
  return access;
}

}  // namespace pannier::control

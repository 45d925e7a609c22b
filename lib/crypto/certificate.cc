#include "lib/crypto/certificate.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>

#include "lib/core/check.h"
#include "lib/crypto/pem.h"

namespace pannier::crypto {
namespace {

constexpr size_t kCommonNameMax = 64;  // of X.520
constexpr size_t kNameMax = 253;       // of DNS, and more than any URI here needs
constexpr int kSerialBytes = 16;

struct FreeNames {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
  void operator()(BASIC_CONSTRAINTS* constraints) const { BASIC_CONSTRAINTS_free(constraints); }
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  void operator()(X509_STORE_CTX* context) const { X509_STORE_CTX_free(context); }
  void operator()(BIGNUM* number) const { BN_free(number); }
  void operator()(ASN1_TIME* time) const { ASN1_TIME_free(time); }
};
template <typename T>
using Owned = std::unique_ptr<T, FreeNames>;

bool IsPlain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

Status SetTimes(X509* certificate, const Validity& validity) {
  const auto seconds = [](WallTime time) {
    return static_cast<time_t>(
        std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count());
  };
  if (validity.until <= validity.from) {
    return InvalidArgument("the certificate would end before it begins");
  }
  const Owned<ASN1_TIME> from(ASN1_TIME_set(nullptr, seconds(validity.from)));
  const Owned<ASN1_TIME> until(ASN1_TIME_set(nullptr, seconds(validity.until)));
  if (!from || !until || X509_set1_notBefore(certificate, from.get()) != 1 ||
      X509_set1_notAfter(certificate, until.get()) != 1) {
    return InvalidArgument("a time that a certificate cannot hold");
  }
  return {};
}

// Never zero or negative, and too long to guess.
void SetSerial(X509* certificate) {
  unsigned char bytes[kSerialBytes];
  CHECK(RAND_bytes(bytes, sizeof bytes) == 1);
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x3f) | 0x40);
  const Owned<BIGNUM> number(BN_bin2bn(bytes, sizeof bytes, nullptr));
  CHECK(number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)));
}

Status SetSubject(X509* certificate, const std::string& common_name) {
  const bool fits = !common_name.empty() && common_name.size() <= kCommonNameMax;
  X509_NAME* const name = X509_get_subject_name(certificate);
  if (!fits ||
      X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(common_name.data()),
                                 static_cast<int>(common_name.size()), -1, 0) != 1) {
    return InvalidArgument("\"" + common_name + "\" is no common name",
                           "use 1 to 64 bytes of UTF-8");
  }
  return {};
}

// `value` is a constant of ours, never a caller's text: OpenSSL reads it as a small language.
void AddConstant(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Owned<X509_EXTENSION> extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  CHECK(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

void AppendName(GENERAL_NAMES* names, int type, const void* bytes, size_t size) {
  ASN1_STRING* const value = type == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
  GENERAL_NAME* const name = GENERAL_NAME_new();
  CHECK(value != nullptr && name != nullptr);
  CHECK(ASN1_STRING_set(value, bytes, static_cast<int>(size)) == 1);
  GENERAL_NAME_set0_value(name, type, value);
  CHECK(sk_GENERAL_NAME_push(names, name) > 0);
}

Status AppendTexts(GENERAL_NAMES* names, int type, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    if (text.empty() || text.size() > kNameMax || !IsPlain(text)) {
      return InvalidArgument("\"" + text + "\" is no name for a certificate");
    }
    AppendName(names, type, text.data(), text.size());
  }
  return {};
}

Status AppendAddresses(GENERAL_NAMES* names, const std::vector<std::string>& addresses) {
  for (const std::string& address : addresses) {
    unsigned char bytes[16];
    if (inet_pton(AF_INET, address.c_str(), bytes) == 1) {
      AppendName(names, GEN_IPADD, bytes, 4);
    } else if (inet_pton(AF_INET6, address.c_str(), bytes) == 1) {
      AppendName(names, GEN_IPADD, bytes, 16);
    } else {
      return InvalidArgument("\"" + address + "\" is no IP address");
    }
  }
  return {};
}

Status AddAlternativeNames(X509* certificate, const LeafRequest& request) {
  const Owned<GENERAL_NAMES> names(GENERAL_NAMES_new());
  CHECK(names != nullptr);
  TRY(AppendTexts(names.get(), GEN_DNS, request.dns_names));
  TRY(AppendTexts(names.get(), GEN_URI, request.uris));
  TRY(AppendAddresses(names.get(), request.ip_addresses));
  if (sk_GENERAL_NAME_num(names.get()) == 0) return {};
  CHECK(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, 0) == 1);
  return {};
}

struct Draft {
  X509Pointer certificate{X509_new()};
  KeyPointer key{EVP_EC_gen("P-256")};
};

Result<Draft> Begin(const std::string& common_name, const Validity& validity) {
  Draft draft;
  CHECK(draft.certificate && draft.key);
  X509* const certificate = draft.certificate.get();
  CHECK(X509_set_version(certificate, X509_VERSION_3) == 1);
  SetSerial(certificate);
  TRY(SetTimes(certificate, validity));
  TRY(SetSubject(certificate, common_name));
  CHECK(X509_set_pubkey(certificate, draft.key.get()) == 1);
  return draft;
}

Result<KeyedCertificate> Sign(const Draft& draft, X509* issuer, EVP_PKEY* key) {
  X509* const certificate = draft.certificate.get();
  CHECK(X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1);
  AddConstant(certificate, issuer, NID_subject_key_identifier, "hash");
  AddConstant(certificate, issuer, NID_authority_key_identifier, "keyid");
  if (X509_sign(certificate, key, EVP_sha256()) == 0) {
    return InvalidArgument("sign a certificate: " + LastCryptoError());
  }
  return KeyedCertificate{ToPem(certificate), ToPem(draft.key.get())};
}

const char* UsageOf(const LeafRequest& request) {
  if (request.for_servers && request.for_clients) return "serverAuth,clientAuth";
  return request.for_clients ? "clientAuth" : "serverAuth";
}

WallTime TimeOf(const ASN1_TIME* time) {
  tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return WallTime();
  return WallTime(std::chrono::seconds(timegm(&parts)));
}

std::string TextOf(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<size_t>(ASN1_STRING_length(text))};
}

std::string AddressOf(const ASN1_STRING* bytes) {
  char text[INET6_ADDRSTRLEN] = "";
  const int family = ASN1_STRING_length(bytes) == 4 ? AF_INET : AF_INET6;
  if (family == AF_INET6 && ASN1_STRING_length(bytes) != 16) return "";
  inet_ntop(family, ASN1_STRING_get0_data(bytes), text, sizeof text);
  return text;
}

void ReadNames(X509* certificate, CertificateFacts* facts) {
  const Owned<GENERAL_NAMES> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  const int count = names ? sk_GENERAL_NAME_num(names.get()) : 0;
  for (int i = 0; i < count; ++i) {
    int type = 0;
    const auto* value = static_cast<ASN1_STRING*>(
        GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type));
    if (type == GEN_DNS) facts->dns_names.push_back(TextOf(value));
    if (type == GEN_URI) facts->uris.push_back(TextOf(value));
    if (type == GEN_IPADD) facts->ip_addresses.push_back(AddressOf(value));
  }
}

}  // namespace

Result<KeyedCertificate> MakeAuthority(const std::string& common_name, const Validity& validity) {
  const Draft draft = TRY(Begin(common_name, validity));
  X509* const certificate = draft.certificate.get();
  AddConstant(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  AddConstant(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
  return Sign(draft, certificate, draft.key.get());
}

Result<KeyedCertificate> MakeLeaf(const KeyedCertificate& authority, const LeafRequest& request) {
  const X509Pointer issuer = TRY(ParseCertificate(authority.certificate_pem));
  const KeyPointer key = TRY(ParseKey(authority.key_pem));
  TRY(CheckPair(authority).Context("the authority"));
  const Draft draft = TRY(Begin(request.common_name, request.validity));
  X509* const certificate = draft.certificate.get();
  AddConstant(certificate, issuer.get(), NID_basic_constraints, "critical,CA:FALSE");
  AddConstant(certificate, issuer.get(), NID_key_usage, "critical,digitalSignature");
  AddConstant(certificate, issuer.get(), NID_ext_key_usage, UsageOf(request));
  TRY(AddAlternativeNames(certificate, request));
  return Sign(draft, issuer.get(), key.get());
}

Result<CertificateFacts> ReadCertificate(std::string_view pem) {
  const X509Pointer certificate = TRY(ParseCertificate(pem));
  CertificateFacts facts;
  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at >= 0) {
    facts.common_name = TextOf(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  }
  const Owned<BIGNUM> serial(
      ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate.get()), nullptr));
  if (char* const text = serial ? BN_bn2hex(serial.get()) : nullptr; text != nullptr) {
    facts.serial = text;
    OPENSSL_free(text);
  }
  facts.validity.from = TimeOf(X509_get0_notBefore(certificate.get()));
  facts.validity.until = TimeOf(X509_get0_notAfter(certificate.get()));
  facts.is_authority = X509_check_ca(certificate.get()) == 1;
  ReadNames(certificate.get(), &facts);
  return facts;
}

Status CheckPair(const KeyedCertificate& pair) {
  const X509Pointer certificate = TRY(ParseCertificate(pair.certificate_pem));
  const KeyPointer key = TRY(ParseKey(pair.key_pem));
  if (X509_check_private_key(certificate.get(), key.get()) == 1) return {};
  LastCryptoError();
  return InvalidArgument("the private key belongs to another certificate");
}

Status CheckIssued(std::string_view pem, std::string_view authorities_pem, WallTime at) {
  const X509Pointer certificate = TRY(ParseCertificate(pem));
  const Owned<X509_STORE> store(X509_STORE_new());
  const Owned<X509_STORE_CTX> context(X509_STORE_CTX_new());
  CHECK(store && context);
  for (const X509Pointer& authority : TRY(ParseCertificates(authorities_pem))) {
    CHECK(X509_STORE_add_cert(store.get(), authority.get()) == 1);
  }
  CHECK(X509_STORE_CTX_init(context.get(), store.get(), certificate.get(), nullptr) == 1);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count();
  X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(context.get()), seconds);
  if (X509_verify_cert(context.get()) == 1) return {};
  return InvalidArgument(std::string("the certificate is not sound: ") +
                         X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())));
}

}  // namespace pannier::crypto

// Who may speak to whom between operator and daemons: an authority of the installation's own, which
// signs a certificate for the operator and one for the daemons of each VectorStore. The daemons'
// lies in a Secret in their namespace, which injection mounts.
//
// Threads: pure functions and plain values.
#pragma once

#include <optional>
#include <string>

#include "lib/core/clock.h"
#include "lib/core/result.h"
#include "lib/crypto/certificate.h"
#include "lib/http/client.h"
#include "operator/certificates/stored_certificate.h"

namespace pannier::control {

inline constexpr const char* kOperatorAdminName = "pannier-operator.pannier.dev";

// The name in the certificate of a VectorStore's daemons: "<uid>.vectorstore.pannier.dev". The uid,
// so that a VectorStore of the same name that was made anew is another one.
std::string AdminNameOf(const std::string& vector_store_uid);
// The Secret of its daemons: "<name>-pannier-admin", cut and hashed where that is too long.
std::string AdminSecretOf(const std::string& vector_store_name);

struct AdminAuthority {
  crypto::KeyedCertificate authority;
  crypto::KeyedCertificate client;  // of the operator
};

// As the operator's own Secret holds it: ca.crt, ca.key, tls.crt, tls.key.
SecretData ToSecret(const AdminAuthority& authority);
// Nothing when it is not whole, or its parts do not fit.
std::optional<AdminAuthority> AuthorityFromSecret(const SecretData& data);
// A new one (ten years), or `before` with a client certificate (90 days) that is renewed after two
// thirds of its life. Nothing: `before` is good as it is. `look_again`: when to ask next. An
// authority is replaced when less than 90 days of it are left; until a daemon's Secret has reached
// its pod, a minute or two, that daemon cannot be reached then.
Result<std::optional<AdminAuthority>> RenewAuthority(const std::optional<AdminAuthority>& before,
                                                     WallTime now, WallTime* look_again);

// What a VectorStore's Secret must hold: tls.crt, tls.key, ca.crt. Nothing when `before` is good:
// signed by this authority, made out to this name, and not beyond two thirds of its 90 days.
//   kInvalidArgument  a name that no certificate can hold
Result<std::optional<SecretData>> RenewDaemonSecret(const SecretData& before,
                                                    const AdminAuthority& authority,
                                                    const std::string& admin_name, WallTime now,
                                                    WallTime* look_again);

// How a daemon is dialled.
http::ClientTls ClientTlsOf(const AdminAuthority& authority, const std::string& server_name);

}  // namespace pannier::control

// What the server's and the client's side set up alike. Threads: one per context, before use.
#pragma once

#include <openssl/ssl.h>

#include <string>

#include "lib/core/result.h"

namespace pannier::http {

// TLS 1.2 at least.
void RequireModernTls(SSL_CTX* context);

// Has the context show this certificate (with what follows it, as its chain).
//   kInvalidArgument  it cannot be read, or the key is another's
Status ShowCertificate(SSL_CTX* context, const std::string& certificate_pem,
                       const std::string& key_pem);

// Trusts these, and nobody else, to sign the other side's certificates.
//   kInvalidArgument  they cannot be read
Status TrustAuthorities(SSL_CTX* context, const std::string& authorities_pem);

}  // namespace pannier::http

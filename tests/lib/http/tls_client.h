// A TLS client of raw bytes: what is in which record, and how the server says goodbye. Threads:
// one.
#pragma once

#include <openssl/ssl.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <string_view>

#include "tests/lib/http/raw_client.h"

namespace pannier::test {

class TlsClient {
 public:
  // `version_max`: the newest it speaks. It trusts everybody.
  explicit TlsClient(std::string address, int version_max = TLS1_3_VERSION)
      : socket_(address.replace(0, 5, "http")),
        context_(SSL_CTX_new(TLS_client_method())),
        ssl_(SSL_new(context_.get())) {
    const timeval limit{10, 0};
    setsockopt(socket_.descriptor(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    SSL_set_min_proto_version(ssl_.get(), TLS1_VERSION);
    SSL_set_max_proto_version(ssl_.get(), version_max);
    SSL_set_fd(ssl_.get(), socket_.descriptor());
    connected_ = SSL_connect(ssl_.get()) == 1;
  }

  bool connected() const { return connected_; }
  // One record.
  bool Send(std::string_view bytes) {
    return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
  }
  // All until the server says goodbye in TLS; `*said`: it did, and the connection was not cut.
  std::string ReadToGoodbye(bool* said) {
    std::string all;
    char bytes[4096];
    int count = 0;
    while ((count = SSL_read(ssl_.get(), bytes, sizeof bytes)) > 0) {
      all.append(bytes, static_cast<size_t>(count));
    }
    *said = SSL_get_error(ssl_.get(), count) == SSL_ERROR_ZERO_RETURN;
    return all;
  }
  std::string protocol() const { return SSL_get_version(ssl_.get()); }

 private:
  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  RawClient socket_;
  std::unique_ptr<SSL_CTX, Free> context_;
  std::unique_ptr<SSL, Free> ssl_;
  bool connected_ = false;
};

}  // namespace pannier::test

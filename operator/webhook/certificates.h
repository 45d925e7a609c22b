// The webhook's certificates: an authority of its own and what it signs, kept in a Secret, replaced
// before they end.
//
// Nobody who asks must meet a certificate that it does not trust yet, or no more. So a new
// authority is published first and signs only after kOverlap; and the one before stays published
// until it ends, for replicas that still show what it signed.
//
//   nothing ─► all made ─► (two thirds of its life) next authority published ─► it signs ─► …
//              serving certificate: renewed at two thirds of its life
//
// Threads: pure functions and plain values; a keeper one at a time.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/result.h"
#include "lib/crypto/certificate.h"
#include "lib/http/tls.h"
#include "operator/certificates/stored_certificate.h"

namespace pannier::control {

struct CertificateRules {
  std::vector<std::string> dns_names;  // of the Service: "pannier-webhook.ns.svc", …
  std::chrono::seconds authority_life = std::chrono::hours(24 * 365);
  std::chrono::seconds serving_life = std::chrono::hours(24 * 90);
  std::chrono::seconds overlap = std::chrono::minutes(10);  // for caBundle to be everywhere
  std::chrono::seconds skew = std::chrono::minutes(5);      // clocks that go behind ours
};

struct CertificateState {
  crypto::KeyedCertificate authority;  // signs
  crypto::KeyedCertificate serving;
  std::optional<crypto::KeyedCertificate> next_authority;  // published, does not sign yet
  std::string previous_authority_pem;                      // published, signs no more; may be empty
};

enum class CertificateStep { kNone, kMakeAll, kAddNextAuthority, kSwitchAuthority, kRenewServing };

struct CertificatePlan {
  CertificateStep step = CertificateStep::kNone;
  std::string why;
  WallTime look_again;  // when the next step may be due
};

// What to do now. `state`: nothing when there is none, or none that can be used.
CertificatePlan PlanCertificates(const std::optional<CertificateState>& state,
                                 const CertificateRules& rules, WallTime now);
// The state after a step.
//   kInvalidArgument  the rules have names that no certificate can hold
Result<CertificateState> TakeStep(CertificateStep step,
                                  const std::optional<CertificateState>& state,
                                  const CertificateRules& rules, WallTime now);

// What the API server is to trust: all authorities that are published and not over.
std::string BundleOf(const CertificateState& state, WallTime now);

// As a Secret holds it: tls.crt, tls.key, ca.crt, ca.key and, where there is one, next-ca.crt,
// next-ca.key, previous-ca.crt.
SecretData ToSecret(const CertificateState& state);
// Nothing when it is not whole, or parts of it do not fit together.
std::optional<CertificateState> FromSecret(const SecretData& data);

// Where they are kept and published. Implementations turn to the API server.
class SecretStore {
 public:
  struct Secret {
    SecretData data;
    std::string version;  // empty: there is none yet
  };
  virtual ~SecretStore() = default;
  virtual Result<Secret> Read() = 0;
  // Only over the version that was read.
  //   kConflict  somebody else was first
  virtual Status Write(const SecretData& data, const std::string& version) = 0;
  // Sees to it that the webhook configurations trust this, and only this.
  virtual Status PublishBundle(const std::string& bundle_pem) = 0;
};

// Sees to the certificates; to be called at start, when it says, and when the Secret or a webhook
// configuration changed. Several replicas may do so: the Secret's version decides. Lifetime: all
// arguments outlive it.
class CertificateKeeper {
 public:
  // Given what to show from now on.
  using Use = std::function<Status(const http::TlsMaterial&)>;
  CertificateKeeper(SecretStore& store, CertificateRules rules, const Clock& clock, Use use)
      : store_(store), rules_(std::move(rules)), clock_(clock), use_(std::move(use)) {}

  // Takes what steps are due, loads the serving certificate, publishes the bundle, and says when to
  // be called again. After an error: call again soon; what was loaded stays in use.
  Result<WallTime> Tend();

 private:
  Result<CertificateState> Current(WallTime now, WallTime* look_again);

  SecretStore& store_;
  const CertificateRules rules_;
  const Clock& clock_;
  const Use use_;
};

}  // namespace pannier::control

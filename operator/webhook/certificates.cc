#include "operator/webhook/certificates.h"

#include <algorithm>

#include "lib/core/log.h"

namespace pannier::control {
namespace {

constexpr int kStepsMax = 4;      // in one go: more is a defect, not work
constexpr int kConflictsMax = 5;  // lost races against other replicas

Result<crypto::KeyedCertificate> NewAuthority(const CertificateRules& rules, WallTime now) {
  return crypto::MakeAuthority("pannier-webhook-authority",
                               {now - rules.skew, now + rules.authority_life});
}

// Never valid for longer than who signed it.
Result<crypto::KeyedCertificate> NewServing(const crypto::KeyedCertificate& authority,
                                            const CertificateRules& rules, WallTime now) {
  crypto::LeafRequest request;
  request.common_name = "pannier-webhook";
  request.dns_names = rules.dns_names;
  const WallTime until = ValidityOf(authority.certificate_pem).until;
  request.validity = {now - rules.skew, std::min(until, now + rules.serving_life)};
  return crypto::MakeLeaf(authority, request);
}

}  // namespace

CertificatePlan PlanCertificates(const std::optional<CertificateState>& state,
                                 const CertificateRules& rules, WallTime now) {
  if (!state) return {CertificateStep::kMakeAll, "there are none", now};
  const std::string& authority = state->authority.certificate_pem;
  if (now >= ValidityOf(authority).until) {
    return {CertificateStep::kMakeAll, "the authority has expired", now};
  }
  WallTime next_step = RenewAt(authority);
  if (state->next_authority) {
    next_step =
        ValidityOf(state->next_authority->certificate_pem).from + rules.skew + rules.overlap;
    if (now >= next_step) {
      return {CertificateStep::kSwitchAuthority, "the next authority is known by now", now};
    }
  } else if (now >= next_step) {
    return {CertificateStep::kAddNextAuthority, "the authority nears its end", now};
  }
  const std::string& serving = state->serving.certificate_pem;
  if (!crypto::CheckIssued(serving, authority, now).ok()) {
    return {CertificateStep::kRenewServing, "the serving certificate is not sound", now};
  }
  if (!HasNames(serving, rules.dns_names)) {
    return {CertificateStep::kRenewServing, "the serving certificate lacks a name", now};
  }
  if (now >= RenewAt(serving)) {
    // Of an authority near its end it would be as short-lived; the next one signs it soon.
    const bool is_capped = ValidityOf(serving).until >= ValidityOf(authority).until;
    if (!is_capped) {
      return {CertificateStep::kRenewServing, "the serving certificate nears its end", now};
    }
  } else {
    next_step = std::min(next_step, RenewAt(serving));
  }
  return {CertificateStep::kNone, "", next_step};
}

Result<CertificateState> TakeStep(CertificateStep step,
                                  const std::optional<CertificateState>& state,
                                  const CertificateRules& rules, WallTime now) {
  CertificateState after = state.value_or(CertificateState());
  switch (step) {
    case CertificateStep::kNone:
      return after;
    case CertificateStep::kMakeAll:
      after = CertificateState();
      after.authority = TRY(NewAuthority(rules, now));
      break;
    case CertificateStep::kAddNextAuthority:
      after.next_authority = TRY(NewAuthority(rules, now));
      return after;
    case CertificateStep::kSwitchAuthority:
      CHECK(after.next_authority);
      after.previous_authority_pem = after.authority.certificate_pem;
      after.authority = *std::exchange(after.next_authority, std::nullopt);
      break;
    case CertificateStep::kRenewServing:
      break;
  }
  after.serving = TRY(NewServing(after.authority, rules, now));
  return after;
}

std::string BundleOf(const CertificateState& state, WallTime now) {
  std::string bundle = state.authority.certificate_pem;
  if (state.next_authority) bundle += state.next_authority->certificate_pem;
  if (ValidityOf(state.previous_authority_pem).until > now) bundle += state.previous_authority_pem;
  return bundle;
}

SecretData ToSecret(const CertificateState& state) {
  SecretData data = {{"ca.crt", state.authority.certificate_pem},
                     {"ca.key", state.authority.key_pem},
                     {"tls.crt", state.serving.certificate_pem},
                     {"tls.key", state.serving.key_pem}};
  if (state.next_authority) {
    data["next-ca.crt"] = state.next_authority->certificate_pem;
    data["next-ca.key"] = state.next_authority->key_pem;
  }
  if (!state.previous_authority_pem.empty()) {
    data["previous-ca.crt"] = state.previous_authority_pem;
  }
  return data;
}

std::optional<CertificateState> FromSecret(const SecretData& data) {
  const auto authority = TakePair(data, "ca.crt", "ca.key");
  const auto serving = TakePair(data, "tls.crt", "tls.key");
  if (!authority || !serving) return std::nullopt;
  CertificateState state;
  state.authority = *authority;
  state.serving = *serving;
  state.next_authority = TakePair(data, "next-ca.crt", "next-ca.key");
  if (const auto previous = TakeText(data, "previous-ca.crt");
      previous && crypto::ReadCertificate(*previous).ok()) {
    state.previous_authority_pem = *previous;
  }
  return state;
}

// As the Secret has it once no step is due.
Result<CertificateState> CertificateKeeper::Current(WallTime now, WallTime* look_again) {
  int conflicts = 0;
  for (int steps = 0; steps <= kStepsMax;) {
    const SecretStore::Secret secret = TRY(store_.Read());
    const std::optional<CertificateState> state = FromSecret(secret.data);
    const CertificatePlan plan = PlanCertificates(state, rules_, now);
    *look_again = plan.look_again;
    if (plan.step == CertificateStep::kNone) return *state;
    const CertificateState after = TRY(TakeStep(plan.step, state, rules_, now));
    const Status written = store_.Write(ToSecret(after), secret.version);
    if (written.Is(Errc::kConflict) && ++conflicts <= kConflictsMax) continue;  // read theirs
    TRY(written);
    LogInfo("webhook certificates changed").Add("why", plan.why);
    ++steps;
  }
  return Internal("the webhook's certificates do not come to rest");
}

Result<WallTime> CertificateKeeper::Tend() {
  const WallTime now = clock_.Now();
  WallTime look_again = now;
  const CertificateState state =
      TRY(Current(now, &look_again).Context("the webhook's certificates"));
  // Trusted before shown.
  TRY(store_.PublishBundle(BundleOf(state, now)).Context("publish the webhook's authority"));
  TRY(use_({state.serving.certificate_pem, state.serving.key_pem, ""}));
  return look_again;
}

}  // namespace pannier::control

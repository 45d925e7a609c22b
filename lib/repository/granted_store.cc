#include "lib/repository/granted_store.h"

#include <algorithm>
#include <map>
#include <set>

#include "lib/core/mutex.h"
#include "lib/repository/s3_requests.h"

namespace pannier::repository {
namespace {

// A URL is not begun with when less than this is left of its time.
constexpr std::chrono::seconds kMargin{5};
constexpr size_t kPageMax = 1'000;
constexpr std::chrono::milliseconds kLook{100};  // how often a waiter looks at its deadline

Error Cannot(std::string_view what) {
  return Unimplemented("granted URLs cannot " + std::string(what),
                       "whoever grants them does that with its own credentials");
}

// The URLs, and who waits for which.
class Grants final : public Authority {
 public:
  Grants(std::chrono::milliseconds patience, GrantedStore::OnWants on_wants, const Clock& clock)
      : patience_(patience), on_wants_(std::move(on_wants)), clock_(clock) {}

  void Expect(const std::vector<Want>& wants) {
    {
      MutexLock lock(mutex_);
      for (const Want& want : wants) {
        if (!IsUsable(want)) wants_.insert(want);
      }
    }
    Tell();
  }

  void Add(const Want& want, const std::string& url, WallTime expires, GrantTerms terms) {
    {
      MutexLock lock(mutex_);
      urls_[want] = {url, expires, std::move(terms), ++versions_};
      // One whose time is over, by a clock that differs from ours, is as good as none.
      if (IsUsable(want)) wants_.erase(want);
      changed_.NotifyAll();
    }
    Tell();
  }

  void Cancel() {
    MutexLock lock(mutex_);
    cancelled_ = true;
    changed_.NotifyAll();
  }

  std::vector<Want> wants() const {
    MutexLock lock(mutex_);
    return {wants_.begin(), wants_.end()};
  }

  Result<Permit> Authorize(const ObjectRequest& request, SteadyTime deadline) override {
    const Want want{request.method, request.key};
    const SteadyTime until = std::min(deadline, clock_.Steady() + patience_);
    if (!Has(want)) Expect({want});
    MutexLock lock(mutex_);
    while (!cancelled_ && !IsUsable(want)) {
      if (clock_.Steady() >= until) {
        return DeadlineExceeded("nobody granted " + want.method + " of " + want.key + " in time",
                                "check that what started the operation still runs");
      }
      changed_.WaitFor(mutex_, kLook);
    }
    if (cancelled_) return Unavailable("the operation was cancelled");
    const Url& url = urls_[want];
    return Permit{url.text, url.terms.headers, url.version, url.terms.ca_pem};
  }

  bool Renew(const ObjectRequest& request, uint64_t version) override {
    MutexLock lock(mutex_);
    const auto found = urls_.find({request.method, request.key});
    if (found != urls_.end() && found->second.version == version) urls_.erase(found);
    return true;
  }

 private:
  struct Url {
    std::string text;
    WallTime expires;
    GrantTerms terms;
    uint64_t version = 0;
  };

  bool Has(const Want& want) const {
    MutexLock lock(mutex_);
    return IsUsable(want);
  }
  bool IsUsable(const Want& want) const REQUIRES(mutex_) {
    const auto found = urls_.find(want);
    return found != urls_.end() && clock_.Now() + kMargin < found->second.expires;
  }
  void Tell() EXCLUDES(mutex_) {
    if (on_wants_) on_wants_(wants());
  }

  const std::chrono::milliseconds patience_;
  const GrantedStore::OnWants on_wants_;
  const Clock& clock_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::map<Want, Url> urls_ GUARDED_BY(mutex_);
  std::set<Want> wants_ GUARDED_BY(mutex_);
  uint64_t versions_ GUARDED_BY(mutex_) = 0;
  bool cancelled_ GUARDED_BY(mutex_) = false;
};

S3Requests::Options RequestOptions(const GrantedStore::Options& options) {
  S3Requests::Options made;
  made.place = options.place;
  made.retry = options.retry;
  made.transfer = {options.ca_file, options.connect_timeout, options.request_timeout,
                   options.bytes_per_second_min};
  made.etag_is_md5 = options.etag_is_md5;
  return made;
}

}  // namespace

class GrantedStore::Impl {
 public:
  Impl(const Options& options, OnWants on_wants, const Clock& clock, Sleeper& sleeper)
      : listing(options.listing),
        grants(options.grant_timeout, std::move(on_wants), clock),
        requests(RequestOptions(options), grants, clock, sleeper) {
    if (listing) std::sort(listing->begin(), listing->end());
  }
  std::optional<std::vector<std::string>> listing;  // sorted
  Grants grants;
  S3Requests requests;
};

GrantedStore::GrantedStore(Options options, OnWants on_wants, const Clock& clock, Sleeper& sleeper)
    : impl_(std::make_unique<Impl>(options, std::move(on_wants), clock, sleeper)) {}
GrantedStore::~GrantedStore() = default;

void GrantedStore::Expect(const std::vector<Want>& wants) { impl_->grants.Expect(wants); }
std::vector<Want> GrantedStore::wants() const { return impl_->grants.wants(); }
void GrantedStore::Cancel() { impl_->grants.Cancel(); }

Status GrantedStore::Grant(const std::string& method, const std::string& key,
                           const std::string& url, WallTime expires, GrantTerms terms) {
  TRY(CheckKey(key));
  if (method != "GET" && method != "PUT")
    return InvalidArgument("\"" + method + "\" is not a method that can be granted");
  const bool is_url = url.starts_with("https://") || url.starts_with("http://");
  if (!is_url || url.find_first_of(" \t\r\n") != std::string::npos)
    return InvalidArgument("the grant of " + method + " " + key + " has no URL");
  for (const auto& [name, value] : terms.headers) {
    if (name.empty() || (name + value).find_first_of("\r\n") != std::string::npos)
      return InvalidArgument("the grant of " + method + " " + key + " has no sound header");
  }
  impl_->grants.Add({method, key}, url, expires, std::move(terms));
  return {};
}

Status GrantedStore::Put(const std::string& key, std::string_view bytes, IfPresent present,
                         SteadyTime deadline) {
  TRY(CheckKey(key));
  return impl_->requests.Put(key, bytes, present, {}, deadline);
}

Result<std::string> GrantedStore::Get(const std::string& key, uint64_t bytes_max,
                                      SteadyTime deadline) {
  TRY(CheckKey(key));
  return impl_->requests.Get(key, bytes_max, deadline);
}

Result<ObjectInfo> GrantedStore::Stat(const std::string& key, SteadyTime deadline) {
  TRY(CheckKey(key));
  return impl_->requests.Stat(key, deadline);
}

Status GrantedStore::Delete(const std::string&, SteadyTime) { return Cannot("delete"); }
Result<ObjectPage> GrantedStore::List(const std::string& prefix, const std::string& after,
                                      SteadyTime) {
  if (!impl_->listing) return Cannot("list");
  ObjectPage page;
  for (const std::string& key : *impl_->listing) {
    if (!key.starts_with(prefix) || key <= after) continue;
    if (page.objects.size() == kPageMax) {
      page.next = page.objects.back().key;
      break;
    }
    page.objects.push_back({key, 0, WallTime()});
  }
  return page;
}
void GrantedStore::ExpectGets(const std::vector<std::string>& keys) {
  std::vector<Want> wants;
  wants.reserve(keys.size());
  for (const std::string& key : keys) wants.push_back({"GET", key});
  Expect(wants);
}
Result<uint64_t> GrantedStore::RemoveUnfinished(std::chrono::seconds, SteadyTime) {
  return Cannot("remove");
}
std::string GrantedStore::Describe() const { return impl_->requests.options().place; }

}  // namespace pannier::repository

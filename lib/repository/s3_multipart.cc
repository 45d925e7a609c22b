#include "lib/repository/s3_multipart.h"

#include <algorithm>
#include <vector>

#include "lib/core/log.h"
#include "lib/core/time_text.h"
#include "lib/repository/xml.h"

namespace pannier::repository {
namespace {

using IfPresent = ObjectStore::IfPresent;

constexpr uint64_t kPartsMax = 10'000;  // S3's own limit
constexpr std::chrono::seconds kAbortTime{30};

Result<XmlElement> ReadAnswer(const HttpReply& reply, std::string_view name) {
  Result<XmlElement> root = ParseXml(reply.body);
  if (root.ok() && root->name == name) return root;
  return Corruption("the answer is no " + std::string(name));
}

class Upload {
 public:
  Upload(S3Requests& requests, const PartsUpload& what, const Clock& clock, SteadyTime deadline)
      : requests_(requests), what_(what), clock_(clock), deadline_(deadline) {}

  Status Run() {
    TRY(Begin());
    Status done = SendParts();
    if (done.ok()) done = Complete();
    if (done.ok()) return {};
    Abort();
    // The answer to the completion may have been lost, or another writer was first.
    const bool unknown = completing_ && !done.Is(Errc::kPermissionDenied);
    if (!unknown) return done;
    const Status compared = requests_.Compare(what_.key, what_.bytes, deadline_);
    if (compared.ok()) return {};
    const bool lost_race = what_.present == IfPresent::kFail && compared.Is(Errc::kConflict);
    return lost_race ? compared : done;
  }

 private:
  Status Begin() {
    ObjectRequest request{"POST", what_.key, {{"uploads", ""}}, what_.headers, {}, 1 << 20, false};
    TRY(requests_.Call(request, deadline_, [this](const HttpReply& reply) -> Status {
      const XmlElement root = TRY(ReadAnswer(reply, "InitiateMultipartUploadResult"));
      id_ = root.TextOf("UploadId");
      return id_.empty() ? Status(Corruption("the upload has no id")) : Status();
    }));
    return {};
  }

  Status SendParts() {
    const uint64_t fewest = (what_.bytes.size() + kPartsMax - 1) / kPartsMax;
    const uint64_t size = std::max(what_.part_bytes, fewest);
    for (uint64_t at = 0; at < what_.bytes.size(); at += size)
      TRY(SendPart(what_.bytes.substr(at, size)));
    return {};
  }

  Status SendPart(std::string_view bytes) {
    const std::string number = std::to_string(tags_.size() + 1);
    const ObjectRequest request{
        "PUT", what_.key, {{"partNumber", number}, {"uploadId", id_}}, {}, bytes, 1 << 20, false};
    const HttpReply reply =
        TRY(requests_.Call(request, deadline_, [&](const HttpReply& got) -> Status {
          if (got.Header("etag").empty()) return Corruption("the part has no ETag");
          if (requests_.EtagFits(got, bytes)) return {};
          return Corruption("the server holds other bytes of part " + number);
        }));
    tags_.emplace_back(reply.Header("etag"));
    return {};
  }

  Status Complete() {
    std::string body = "<CompleteMultipartUpload>";
    for (size_t i = 0; i < tags_.size(); ++i) {
      body += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>" +
              EscapeXml(tags_[i]) + "</ETag></Part>";
    }
    body += "</CompleteMultipartUpload>";
    completing_ = true;
    ObjectRequest request{"POST", what_.key, {{"uploadId", id_}}, {}, body, 1 << 20, false};
    if (what_.present == IfPresent::kFail) request.headers.emplace_back("If-None-Match", "*");
    TRY(requests_.Call(request, deadline_, [](const HttpReply& reply) -> Status {
      TRY(ReadAnswer(reply, "CompleteMultipartUploadResult"));
      return {};
    }));
    return {};
  }

  // With a little time of its own: the caller's may be what ran out.
  void Abort() {
    const ObjectRequest request{"DELETE", what_.key, {{"uploadId", id_}}, {}, {}, 1 << 20, false};
    const auto aborted = requests_.Call(request, clock_.Steady() + kAbortTime);
    if (!aborted.ok() && !aborted.Is(Errc::kNotFound)) {
      LogWarn("an upload in parts could not be aborted; garbage collection will")
          .Add("key", what_.key)
          .Add("error", aborted.error().what);
    }
  }

  S3Requests& requests_;
  const PartsUpload& what_;
  const Clock& clock_;
  const SteadyTime deadline_;
  std::string id_;
  std::vector<std::string> tags_;  // of the parts that are there
  bool completing_ = false;
};

}  // namespace

Status PutInParts(S3Requests& requests, const PartsUpload& upload, const Clock& clock,
                  SteadyTime deadline) {
  return Upload(requests, upload, clock, deadline).Run();
}

Result<uint64_t> AbortUnfinished(S3Requests& requests, const std::string& folder, WallTime before,
                                 SteadyTime deadline) {
  ObjectRequest list{"GET", "", {{"uploads", ""}, {"prefix", folder}}, {}, {}, 8 << 20, false};
  XmlElement root;
  const auto listed = requests.Call(list, deadline, [&root](const HttpReply& reply) -> Status {
    root = TRY(ReadAnswer(reply, "ListMultipartUploadsResult"));
    return {};
  });
  if (listed.Is(Errc::kUnimplemented)) return uint64_t{0};
  TRY(listed);
  uint64_t aborted = 0;
  for (const XmlElement& upload : root.children) {
    const auto begun = ParseTime(upload.TextOf("Initiated"));
    const std::string_view key = upload.TextOf("Key");
    const bool ours =
        upload.name == "Upload" && key.starts_with(folder) && IsKey(key.substr(folder.size()));
    if (!ours || !begun || *begun >= before) continue;
    const Result<HttpReply> gone =
        requests.Call({"DELETE",
                       std::string(key.substr(folder.size())),
                       {{"uploadId", std::string(upload.TextOf("UploadId"))}},
                       {},
                       {},
                       1 << 20,
                       false},
                      deadline);
    if (!gone.ok() && !gone.Is(Errc::kNotFound)) return gone.error();
    ++aborted;
  }
  return aborted;
}

}  // namespace pannier::repository

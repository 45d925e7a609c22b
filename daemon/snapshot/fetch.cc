// Fetch(): a snapshot's files from the repository into a folder.
#include "daemon/snapshot/parallel.h"
#include "daemon/snapshot/snapshot.h"

namespace pannier::snapshot {
namespace {

using contract::ManifestFile;

Status FetchFile(const ManifestFile& wanted, repository::Repository& repository,
                 const std::string& folder, uint32_t transfers, file::FileSystem& files,
                 SteadyTime deadline, SharedProgress& progress) {
  const file::Path path = file::Path(folder) / wanted.path;
  TRY(file::MakeDirectories(files, path.parent_path()));
  const std::unique_ptr<file::File> target = TRY(files.Open(path, file::OpenMode::kCreateNew));
  Mutex writing;  // a File is written by one at a time
  TRY(ForEach(wanted.chunks.size(), transfers, [&](uint64_t index) -> Status {
    const std::string bytes = TRY(repository.GetChunk(wanted.chunks[index], deadline));
    {
      MutexLock lock(writing);
      TRY(target->WriteAt(index * contract::kChunkBytes, bytes));
    }
    return progress.Add(bytes.size());
  }));
  TRY(target->Sync());
  return files.SyncDirectory(path.parent_path());
}

}  // namespace

Status Fetch(const contract::Manifest& manifest, repository::Repository& repository,
             const std::string& folder, uint32_t transfers, file::FileSystem& files,
             SteadyTime deadline, const store::Progress& progress) {
  SharedProgress shared(manifest.bytes(), progress);
  for (const ManifestFile& file : manifest.files) {
    TRY(FetchFile(file, repository, folder, transfers, files, deadline, shared)
            .Context("fetch " + file.path));
  }
  return files.SyncDirectory(folder);
}

}  // namespace pannier::snapshot

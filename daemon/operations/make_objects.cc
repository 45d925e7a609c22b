// RealObjects(): from settings to a folder or S3.
#include "daemon/operations/repositories.h"
#include "lib/repository/volume_store.h"

namespace pannier::operations {

using repository::ObjectStore;

MakeObjects RealObjects(file::FileSystem& files, const Clock& clock) {
  return
      [&files, &clock](const RepositorySettings& settings) -> Result<std::unique_ptr<ObjectStore>> {
        if (settings.s3) {
          return std::unique_ptr<ObjectStore>(
              TRY(repository::S3Store::Make(*settings.s3, files, clock)));
        }
        return std::unique_ptr<ObjectStore>(
            std::make_unique<repository::VolumeStore>(settings.volume_path, files, clock));
      };
}

}  // namespace pannier::operations

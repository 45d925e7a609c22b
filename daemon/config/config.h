// Everything that can be set about the daemon, with its defaults.
//
// Filled once at start: defaults, then the YAML file, then the environment, then flags; checked
// once (Load), then constant. docs/configuration.md is written from the same table (reference.h).
// Threads: plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "lib/core/log.h"
#include "lib/core/units.h"

namespace pannier::daemon {

struct SocketConfig {
  std::string path;  // at most 107 bytes
  unsigned mode = 0660;
  std::string group;  // name or number; empty: as created
  // Who may come in, by name or number; both empty: whoever can open it.
  std::vector<std::string> users = {}, groups = {};
};

struct TlsConfig {
  std::filesystem::path cert_file, key_file, client_ca_file;
  bool IsSet() const { return !cert_file.empty() || !key_file.empty() || !client_ca_file.empty(); }
};

struct TcpConfig {
  std::string address;  // "127.0.0.1:8000"; empty: off
  std::filesystem::path token_file;
  TlsConfig tls;
  bool insecure_allow_remote = false;  // beyond loopback without token or without TLS
};

struct ListenConfig {
  SocketConfig socket;
  SocketConfig admin{.path = {}, .mode = 0600, .group = {}};  // path: see AdminSocketBeside()
  std::string admin_address;  // "0.0.0.0:9465", always with mutual TLS; empty: off
  TlsConfig admin_tls;
  std::vector<std::string>
      admin_names;  // of clients that may come in; empty: whoever the CA signed
  TcpConfig tcp;
  std::string metrics_address;  // empty: off
};

// What one client may ask for and all clients together may hold. Past a limit a caller gets a clear
// refusal, and everything else goes on.
struct LimitsConfig {
  // Of each listener.
  uint32_t connections = 4096;
  uint32_t requests_in_flight = 32;  // handlers at a time
  uint32_t requests_queued = 256;
  uint32_t share_percent = 75;  // of both, for one client process, and of the first for one store
  uint64_t header_bytes = 64_KiB;
  uint64_t body_bytes = 40_MiB;
  uint64_t buffered_bytes = 512_MiB;
  uint64_t answer_bytes = 256_MiB;
  std::chrono::milliseconds request_timeout{60'000};
  std::chrono::milliseconds idle_timeout{600'000};
  std::chrono::milliseconds write_timeout{60'000};
  std::chrono::milliseconds deadline{60'000};
  // Of the process.
  uint32_t open_files = 16'384;
  // Of what is sent.
  uint32_t json_depth = 128;
  uint32_t dimension = 65'536;
  uint32_t batch_records = 5'461;
  uint64_t id_bytes = 64_KiB;
  uint64_t name_bytes = 512;
  uint64_t document_bytes = 16_MiB;
  uint64_t metadata_bytes = 1_MiB;
  uint32_t metadata_keys = 1'024;
};

struct StoresConfig {
  uint32_t open_max = 256;
  std::chrono::milliseconds idle_after = std::chrono::hours(4);
  uint32_t readers_per_store = 8;
  uint32_t writes_queued = 1'024;
  uint64_t commit_bytes = 64_MiB;
  uint64_t wal_bytes = 16_MiB;
  uint64_t reserve_bytes = 8_MiB;
  bool read_only = false;
};

struct SessionsConfig {
  std::chrono::milliseconds timeout = std::chrono::seconds(300);
  std::chrono::milliseconds timeout_max = std::chrono::hours(24);
  uint32_t maximum = 1'024;
};

struct VolumeConfig {
  std::filesystem::path path;
};
enum class S3Addressing { kAuto, kPath, kVirtual };
enum class S3Encryption { kNone, kAes256, kKms };

struct S3Config {
  std::string bucket, prefix, endpoint, region = "us-east-1";
  std::filesystem::path access_key_file, secret_key_file, session_token_file, ca_file;
  S3Addressing addressing = S3Addressing::kAuto;
  S3Encryption encryption = S3Encryption::kNone;
  std::string kms_key_id;
};
struct RepositoryConfig {
  std::string name;
  VolumeConfig volume;
  S3Config s3;
};

enum class RecoveryMode { kManual, kRebuildOnly, kAutomatic };

// What happens to damage by itself, and how it is looked for.
struct RecoveryConfig {
  RecoveryMode mode = RecoveryMode::kRebuildOnly;
  std::string repository;         // whose snapshots fill gaps; empty: none
  uint32_t maximum_loss = 1'000;  // records a salvage may give up by itself
  uint64_t scrub_bytes = 8_MiB;   // a second; 0: no scrub
  std::chrono::milliseconds scrub_every = std::chrono::hours(168);
  std::chrono::milliseconds quarantine = std::chrono::hours(168);
};

struct OperationsConfig {
  uint32_t parallel = 2;
  uint32_t transfers = 4;
};

// What an empty data directory begins with.
enum class BootstrapFrom { kEmpty, kLatestSnapshot };

struct Config {
  std::filesystem::path data_dir;
  std::filesystem::path clients_file;  // empty: runs until it is stopped
  BootstrapFrom bootstrap = BootstrapFrom::kEmpty;
  LogLevel log_level = LogLevel::kInfo;
  bool core_dumps = false;
  bool allow_reset = false;
  std::chrono::milliseconds shutdown_grace{10'000};
  ListenConfig listen;
  LimitsConfig limits;
  uint64_t memory_budget = 512_MiB;
  StoresConfig stores;
  SessionsConfig sessions;
  uint32_t index_graph_threshold = 5'000;
  std::vector<RepositoryConfig> repositories;
  RecoveryConfig recovery;
  OperationsConfig operations;
  bool fallback_memory = false;
  std::filesystem::path fallback_directory = "/dev/shm";

  Config();  // the defaults
};

}  // namespace pannier::daemon

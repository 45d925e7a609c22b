#include "daemon/config/keys.h"

#include "lib/contract/places.h"

namespace pannier::daemon {
namespace {

using config::DurationRange;
using config::Schema;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr DurationRange kTimeout{milliseconds(10), hours(24)};

void AddPeers(Schema& keys, const std::string& listener, SocketConfig& socket) {
  keys.Texts(
      listener + ".allowUsers", &socket.users,
      "Which users' processes may come in, by name or number, as the kernel says (SO_PEERCRED). "
      "Others, root too, are cut off unheard; the daemon's own user never is. Empty, as "
      "allowGroups: whoever can open the socket.");
  keys.Texts(listener + ".allowGroups", &socket.groups,
             "The same by group: a process's own or one of its further ones.");
}

void AddTcp(Schema& keys, TcpConfig& tcp) {
  keys.Text("listen.tcp.address", &tcp.address,
            "Chroma API over TCP, such as `127.0.0.1:8000`; empty: off. Beyond loopback only with "
            "tokenFile and tls. Port 0 takes any free one and says it in the log.");
  keys.Path("listen.tcp.tokenFile", &tcp.token_file,
            "Tokens that data listeners ask for, the Unix socket too; empty: none. "
            "docs/formats/tokens.md.");
  keys.Path("listen.tcp.tls.certFile", &tcp.tls.cert_file,
            "TLS on that address: the certificate (PEM, with what signed it); read again when it "
            "changes. Empty: none.");
  keys.Path("listen.tcp.tls.keyFile", &tcp.tls.key_file, "The certificate's key (PEM).");
  keys.Bool("listen.tcp.insecureAllowRemote", &tcp.insecure_allow_remote,
            "Serve an address beyond loopback without token or without TLS. The risk: whoever "
            "reaches the port reads and deletes everything, and whoever is on the way sees it.");
}

void AddListen(Schema& keys, ListenConfig& listen) {
  keys.Text("listen.socket.path", &listen.socket.path,
            "Unix socket of the Chroma API; at most 107 bytes. Environment: PANNIER_SOCKET.");
  keys.Mode("listen.socket.mode", &listen.socket.mode, "Its permissions: who may connect.");
  keys.Text("listen.socket.group", &listen.socket.group,
            "Its group, by name or number; empty: as the process creates it.");
  AddPeers(keys, "listen.socket", listen.socket);
  keys.Text("listen.admin.path", &listen.admin.path,
            "Unix socket of the admin API. Empty: beside listen.socket.path "
            "(`/x/a.sock` → `/x/a.admin.sock`; the default socket → "
            "`/run/pannier/admin.sock`). Environment: PANNIER_ADMIN_SOCKET.");
  keys.Mode("listen.admin.mode", &listen.admin.mode, "Its permissions.");
  AddPeers(keys, "listen.admin", listen.admin);
  keys.Text(
      "listen.admin.address", &listen.admin_address,
      "Admin API over TCP as well, always with mutual TLS, such as `0.0.0.0:9465`; a port left "
      "out is 9465; empty: off.");
  keys.Path("listen.admin.tls.certFile", &listen.admin_tls.cert_file,
            "Its certificate (PEM, with what signed it); read again when it changes.");
  keys.Path("listen.admin.tls.keyFile", &listen.admin_tls.key_file, "The certificate's key (PEM).");
  keys.Path("listen.admin.tls.clientCAFile", &listen.admin_tls.client_ca_file,
            "Who signs the certificates of clients (PEM); one without is refused.");
  keys.Texts("listen.admin.allowedNames", &listen.admin_names,
             "Who may come in: DNS or URI names of client certificates, or common names of those "
             "that have neither; others get 403. Empty: whoever the CA signed.");
  AddTcp(keys, listen.tcp);
  keys.Text("listen.metrics.address", &listen.metrics_address,
            "`/metrics`, `/healthz` and `/readyz` over TCP, such as `0.0.0.0:9464`; empty: off.");
}

void AddHttpLimits(Schema& keys, LimitsConfig& limits) {
  keys.Integer(
      "limits.connections", &limits.connections, {1, 1'000'000},
      "Open connections of workers; further ones get 503 and are closed. (Of admins and probes: "
      "256.)");
  keys.Integer("limits.requestsInFlight", &limits.requests_in_flight, {1, 1'024},
               "Requests worked on at a time, which is also the number of threads that do so.");
  keys.Integer("limits.requestsQueued", &limits.requests_queued, {1, 100'000},
               "Whole requests that wait for a thread; further ones get 503 with Retry-After.");
  keys.Integer(
      "limits.sharePercent", &limits.share_percent, {1, 100},
      "How much of requestsInFlight and of requestsQueued one client may have (a process, "
      "or an address over TCP), and of requestsInFlight one store. While other clients ask too, a "
      "third of that of a client is at work, and of its queries and gets no more than there are "
      "processors. What is above waits, then gets 429 with Retry-After; the rest is for others.");
  keys.Bytes("limits.headerBytes", &limits.header_bytes, {1_KiB, 1_MiB},
             "Request line and headers; past it 431.");
  keys.Bytes("limits.bodyBytes", &limits.body_bytes, {1_KiB, 2_GiB}, "Request body; past it 413.");
  keys.Bytes("limits.bufferedBytes", &limits.buffered_bytes, {1_MiB, 1_GiB << 10},
             "Bodies of all requests that arrive, wait or run, and answers that clients have not "
             "taken yet; past it 503, and clients that do not read are dropped sooner.");
  keys.Bytes(
      "limits.answerBytes", &limits.answer_bytes, {64_KiB, 2_GiB},
      "The answer to one get or query; past it 400, and the client reads in parts with limit "
      "and offset.");
  keys.Duration("limits.requestTimeout", &limits.request_timeout, kTimeout,
                "From the first to the last byte of a request; past it 408.");
  keys.Duration("limits.idleTimeout", &limits.idle_timeout, kTimeout,
                "A connection without a request is closed after this.");
  keys.Duration("limits.writeTimeout", &limits.write_timeout, kTimeout,
                "A client that takes less than 64 KiB of its answer in so long is dropped.");
  keys.Duration("limits.deadline", &limits.deadline, kTimeout,
                "What a request may take, once it is whole: past it what waits, and a read that is "
                "under way, "
                "ends with 504 (or 429, where a queue is full). A write that has begun goes on.");
  keys.Integer(
      "limits.openFiles", &limits.open_files, {256, 1'048'576},
      "File descriptors for stores; with those of connections and a reserve of 256 they are set as "
      "the process's own limit (RLIMIT_NOFILE) at start.");
}

void AddRecordLimits(Schema& keys, LimitsConfig& limits) {
  keys.Integer("limits.jsonDepth", &limits.json_depth, {8, 1'024},
               "Nesting of a JSON body; past it 400.");
  keys.Integer("limits.dimension", &limits.dimension, {1, 65'536},
               "Numbers in one embedding; past it 400.");
  keys.Integer("limits.batchRecords", &limits.batch_records, {1, 1'000'000},
               "The batch size that clients are told to keep to (max_batch_size).");
  keys.Bytes("limits.idBytes", &limits.id_bytes, {16, 1_MiB}, "A record's id; past it 400.");
  keys.Bytes("limits.nameBytes", &limits.name_bytes, {16, 64_KiB},
             "The name of a tenant; past it 400. (Of a database or collection: 512.)");
  keys.Bytes("limits.documentBytes", &limits.document_bytes, {1, 512_MiB},
             "A record's document; past it 400.");
  keys.Bytes("limits.metadataBytes", &limits.metadata_bytes, {1_KiB, 64_MiB},
             "A record's metadata as JSON; past it 400.");
  keys.Integer("limits.metadataKeys", &limits.metadata_keys, {1, 65'536},
               "Keys in a record's metadata; past it 400.");
}

void AddStores(Schema& keys, StoresConfig& stores) {
  keys.Integer("stores.maxOpen", &stores.open_max, {1, 65'536},
               "Stores open at a time; past it the least recently used idle one is closed.");
  keys.Duration("stores.idleAfter", &stores.idle_after, {seconds(1), hours(24 * 365)},
                "A store that nobody used for so long is closed. (Of a single store: "
                "`PATCH /pannier/v1/stores/{tenant}/{database}`.)");
  keys.Integer("stores.readersPerStore", &stores.readers_per_store, {1, 256},
               "Read connections of one open store.");
  keys.Integer("stores.writesQueued", &stores.writes_queued, {1, 1'000'000},
               "Writes that wait in one store; further ones get 429 with Retry-After.");
  keys.Bytes("stores.commitBytes", &stores.commit_bytes, {64_KiB, 4_GiB},
             "What one commit gathers from waiting writes, about.");
  keys.Bytes("stores.checkpointBytes", &stores.wal_bytes, {64_KiB, 4_GiB},
             "A write-ahead log longer than this is moved into the store's file.");
  keys.Bool("stores.readOnly", &stores.read_only,
            "Start in mode read-only: clients' writes get 503. `pannierctl mode normal` ends it.");
  keys.Bytes("stores.diskReserve", &stores.reserve_bytes, {0, 4_GiB},
             "Disk space kept aside so that deletions still work when the disk is full; 0: none.");
}

void AddSessions(Schema& keys, SessionsConfig& sessions) {
  keys.Duration("sessions.timeout", &sessions.timeout, {seconds(1), hours(24 * 365)},
                "A session of which nothing is heard for so long ends, and its temporary stores "
                "are removed, unless it names a time-out of its own.");
  keys.Duration("sessions.longestTimeout", &sessions.timeout_max, {seconds(1), hours(24 * 365)},
                "The longest that one may name; longer ones are cut to it.");
  keys.Integer("sessions.maximum", &sessions.maximum, {1, 100'000},
               "Sessions at a time; further ones get 429.");
}

void BindS3(Schema& keys, S3Config& s3) {
  keys.Text("s3.bucket", &s3.bucket, "A bucket.");
  keys.Text("s3.prefix", &s3.prefix, "The start of all its keys.");
  keys.Text("s3.endpoint", &s3.endpoint, "Its service, as a URL; empty: AWS's of the region.");
  keys.Text("s3.region", &s3.region, "Its region.");
  keys.Path("s3.accessKeyFile", &s3.access_key_file, "A file with the access key.");
  keys.Path("s3.secretKeyFile", &s3.secret_key_file, "A file with the secret key.");
  keys.Path("s3.sessionTokenFile", &s3.session_token_file,
            "A file with a session token; empty: none.");
  keys.Path("s3.caFile", &s3.ca_file,
            "Certificates (PEM) that its service is checked against; empty: the system's.");
  keys.Choice<S3Addressing>("s3.addressing", &s3.addressing,
                            {{"auto", S3Addressing::kAuto},
                             {"path", S3Addressing::kPath},
                             {"virtual", S3Addressing::kVirtual}},
                            "Whether the bucket stands in the URL's path or in its host; auto: in "
                            "the host at AWS, else in the path.");
  keys.Choice<S3Encryption>("s3.serverSideEncryption", &s3.encryption,
                            {{"none", S3Encryption::kNone},
                             {"AES256", S3Encryption::kAes256},
                             {"aws:kms", S3Encryption::kKms}},
                            "What the service is asked to encrypt objects with.");
  keys.Text("s3.kmsKeyID", &s3.kms_key_id, "The key of aws:kms; empty: the account's own.");
}

void BindRepository(Schema& keys, RepositoryConfig& repository) {
  keys.Text("name", &repository.name, "What commands call it.");
  keys.Path("volume.path", &repository.volume.path, "A folder on a mounted volume.");
  BindS3(keys, repository.s3);
}

void AddRecovery(Schema& keys, RecoveryConfig& recovery) {
  keys.Choice<RecoveryMode>("recovery.mode", &recovery.mode,
                            {{"manual", RecoveryMode::kManual},
                             {"rebuild-only", RecoveryMode::kRebuildOnly},
                             {"automatic", RecoveryMode::kAutomatic}},
                            "What the daemon may repair by itself: nothing, caches that it can "
                            "compute again, or also stores, by salvage.");
  keys.Text("recovery.repository", &recovery.repository,
            "The repository whose snapshots fill the gaps of an automatic salvage; empty: none.");
  keys.Integer("recovery.maximumLoss", &recovery.maximum_loss, {0, 1'000'000'000},
               "Records that an automatic salvage may lose; one that would lose more leaves the "
               "damaged store in place and says so.");
  keys.Duration("recovery.quarantine", &recovery.quarantine, {seconds(0), hours(24 * 365)},
                "How long a store that was replaced is kept.");
  keys.Bytes("recovery.scrub.bytesPerSecond", &recovery.scrub_bytes, {0, 1_GiB},
             "How fast idle stores are read and checked; 0: not at all.");
  keys.Duration("recovery.scrub.every", &recovery.scrub_every, {seconds(1), hours(24 * 365)},
                "How long until an idle store is checked again.");
}

void AddData(Schema& keys, Config& config) {
  keys.Path("dataDir", &config.data_dir, "Where all data lies; one daemon per directory.");
  keys.Choice<BootstrapFrom>(
      "bootstrap", &config.bootstrap,
      {{"empty", BootstrapFrom::kEmpty}, {"latest-snapshot", BootstrapFrom::kLatestSnapshot}},
      "What an empty data directory begins with: nothing; or what somebody "
      "restores (an operator, or `pannierctl restore --all`), and until "
      "then workers get 503.");
  keys.Bool("allowReset", &config.allow_reset,
            "Whether `POST /api/v2/reset` may delete everything. For tests.");
  keys.Bool("coreDumps", &config.core_dumps,
            "Whether a crash may leave a core dump: it would hold documents, vectors and keys. "
            "false: none, and where the system insists (a pipe), one without memory.");
}

void AddOperations(Schema& keys, OperationsConfig& operations) {
  keys.Integer("operations.parallel", &operations.parallel, {1, 16},
               "Operations (snapshots, restores, checks, …) that run at a time.");
  keys.Integer("operations.transfers", &operations.transfers, {1, 32},
               "Chunks that one of them sends or fetches at a time.");
}

}  // namespace

Config::Config() {
  data_dir = contract::kDataDirectory;
  listen.socket.path = contract::kSocketPath;
}

Schema KeysOf(Config& config) {
  Schema keys;
  AddData(keys, config);
  keys.Duration("shutdownGrace", &config.shutdown_grace, {milliseconds(0), hours(1)},
                "How long running requests may take to end after SIGTERM.");
  keys.Path("clientsFile", &config.clients_file,
            "For a daemon of a few processes alone: a file on which they hold a shared lock "
            "(flock). When none does, the daemon ends, and holds the lock itself until it has "
            "ended. Empty: it runs until it is stopped.");
  keys.Choice<LogLevel>("log.level", &config.log_level,
                        {{"debug", LogLevel::kDebug},
                         {"info", LogLevel::kInfo},
                         {"warn", LogLevel::kWarn},
                         {"error", LogLevel::kError}},
                        "The least important event that is logged.");
  AddListen(keys, config.listen);
  keys.Bytes("memory.budget", &config.memory_budget, {16_MiB, 1_GiB << 14},
             "Counted memory of all stores; above it the least recently used caches are dropped.");
  AddStores(keys, config.stores);
  AddSessions(keys, config.sessions);
  keys.Integer("index.graphThreshold", &config.index_graph_threshold, {100, 1'000'000'000},
               "Collections with fewer vectors are always searched exactly.");
  AddHttpLimits(keys, config.limits);
  AddRecordLimits(keys, config.limits);
  keys.Items<RepositoryConfig>("repositories", &config.repositories,
                               "Where snapshots go: folders on mounted volumes, or S3 buckets.",
                               BindRepository);
  AddRecovery(keys, config.recovery);
  AddOperations(keys, config.operations);
  keys.Bool("fallback.memory", &config.fallback_memory,
            "Serve from memory, in mode memory, when the data directory cannot be used at start: "
            "all that is written is lost when the process ends. docs/modes.md.");
  keys.Path("fallback.directory", &config.fallback_directory,
            "Where that memory is: a tmpfs, whose size is the limit.");
  return keys;
}

}  // namespace pannier::daemon

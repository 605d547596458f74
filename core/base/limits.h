// Every bound of the system in one place, each with its reason. Past a bound
// there is a named error (error.h) and a counter.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace skillscale::limits {

using namespace std::chrono_literals;

inline constexpr std::size_t kKiB = 1024;
inline constexpr std::size_t kMiB = 1024 * kKiB;

// --- The wire -------------------------------------------------------------

// Documents and CSV files fit; a peer that sends more is refused before parsing.
inline constexpr std::size_t kMessageBytesMax = 16 * kMiB;
// What a peer can make the proxy receive before its connection is cut. Above the
// bound for messages, so that one that is somewhat too large can still be answered.
inline constexpr std::size_t kReceivedBytesMax = 64 * kMiB;
// Topic, payload, token and delivery facts; more frames are never legitimate.
inline constexpr std::size_t kMessageFramesMax = 4;
// A topic is a name, and appears in logs, metrics and URLs.
inline constexpr std::size_t kTopicBytesMax = 128;
// Long enough for a UUID with any prefix an agent likes.
inline constexpr std::size_t kRequestIdBytesMax = 128;
// Deeper JSON is an attack on the parser's stack, not an intent.
inline constexpr std::size_t kJsonDepthMax = 64;
inline constexpr int kPriorityMax = 9;
inline constexpr int kPriorityDefault = 5;
// A week: longer work belongs to a job system; also keeps time arithmetic far from overflow.
inline constexpr std::chrono::milliseconds kTimeoutMax = 7 * 24h;

// The year 2100: a deadline past it is milliseconds taken for seconds, and would
// overflow a 64-bit count of nanoseconds not much later.
inline constexpr double kDeadlineSecondsMax = 4102444800.0;
// Entries of `args`, `files`, `collect` and `env` of one intent, each.
inline constexpr std::size_t kIntentItemsMax = 1024;
// The W3C form has 55 bytes; its later versions may be longer.
inline constexpr std::size_t kTraceparentBytesMax = 256;
// What an error message shows of a wrong value.
inline constexpr std::size_t kErrorValueBytesMax = 48;

// --- Sockets (measured in the design's ZeroMQ notes) ------------------------

// About one second of messages at full speed; beyond it a peer is stalled.
inline constexpr int kSocketHighWaterMark = 10000;
// The most messages moved in one direction before the other one is looked at.
inline constexpr int kBurstMessagesMax = 1000;
inline constexpr std::chrono::milliseconds kReconnectInterval = 100ms;
inline constexpr std::chrono::milliseconds kReconnectIntervalMax = 2000ms;
inline constexpr std::chrono::milliseconds kHeartbeatInterval = 500ms;
inline constexpr std::chrono::milliseconds kHeartbeatTimeout = 1000ms;
// How long a closing socket may still deliver.
inline constexpr std::chrono::milliseconds kProxyLinger = 1000ms;
inline constexpr std::chrono::milliseconds kServerLinger = 5000ms;
inline constexpr std::chrono::milliseconds kAgentLinger = 2000ms;
inline constexpr std::chrono::milliseconds kAgentSendTimeout = 1000ms;
// Publishers that vanish without a word must not hold descriptors of the proxy for long.
inline constexpr std::chrono::seconds kPublisherKeepaliveIdle = 30s;
inline constexpr std::chrono::seconds kPublisherKeepaliveInterval = 10s;
// A proxy that vanishes without a word must be noticed by those who listen to
// it. They send no heartbeats, so TCP has to tell: about five seconds of silence.
inline constexpr std::chrono::seconds kProxyKeepaliveIdle = 2s;
inline constexpr std::chrono::seconds kProxyKeepaliveInterval = 1s;
inline constexpr int kKeepaliveProbesMax = 3;
inline constexpr std::chrono::milliseconds kProxyUnacknowledgedMax = 5s;
// Each proxy that a server joins costs it two sockets and two watches; far beyond any installation.
inline constexpr int kSocketsMax = 4096;
// One libzmq I/O thread is enough for small machines; from this many cores on a second one pays.
inline constexpr unsigned kCoresForTwoIoThreads = 4;
// sun_path of unix(7) without its terminating zero.
inline constexpr std::size_t kIpcPathBytesMax = 107;
// DNS (RFC 1035).
inline constexpr std::size_t kHostBytesMax = 253;

// --- The proxy ----------------------------------------------------------------

// Topics and reply topics come from strangers: past this many, the rest shares
// one entry named "other", so neither memory nor the metrics page grows.
inline constexpr std::size_t kTopicsTrackedMax = 1000;
inline constexpr std::chrono::milliseconds kStatsInterval = 1000ms;
// Instances of servers that one proxy talks to; far beyond what one proxy feeds.
inline constexpr std::size_t kMembersMax = 10000;
// A member that claims more is broken; bounds the leases table.
inline constexpr std::uint32_t kCreditsMax = 4096;
// Intents at one member that join runs it has already; they take no credit.
inline constexpr std::uint32_t kJoinsMax = 4096;
// Prefixes of plain subscribers and agents that are tracked: 100 for each of
// 10,000 agents. libzmq's own table of the same prefixes has no bound.
inline constexpr std::size_t kSubscriptionsMax = 1000000;
// Hold: bytes for one topic, and for the whole proxy.
inline constexpr std::size_t kHoldTopicBytesMax = 64 * kMiB;
inline constexpr std::size_t kHoldBytesMax = 256 * kMiB;
// What a held intent costs beyond its payload (bookkeeping), counted against the
// bounds above so that a million empty intents cannot pass as free.
inline constexpr std::size_t kHoldOverheadBytes = 1024;
// Long enough for a scale-up from zero with an image pull.
inline constexpr std::chrono::milliseconds kHoldTimeMax = 300s;
// A lost intent is tried on this many members before it is called lost.
inline constexpr std::uint32_t kAttemptsMax = 3;
// Topics that hold intents although no server has ever joined them; the names come from strangers.
inline constexpr std::size_t kUnservedTopicsMax = 1000;
// An intent that ends up with this many members without any of them starting it
// is probably what ends them.
inline constexpr std::uint32_t kLossesMax = 20;
// An intent that a member has not started for this long goes to another member
// that has room now: long beside any dispatch, short beside a person's patience.
inline constexpr std::chrono::milliseconds kTakeBackAfter = 1s;
// A group without members is remembered this long, so that a copy is kept for it.
inline constexpr std::chrono::milliseconds kGroupMemory = 600s;
// While intents are re-sent or cancelled, leases are indexed by address this much longer.
inline constexpr std::chrono::milliseconds kIndexTime = 60s;
// How often holds and leases are looked through for what has run out.
inline constexpr std::chrono::milliseconds kSweepInterval = 100ms;
// What a stopping proxy waits for runs in progress to answer.
inline constexpr std::chrono::milliseconds kProxyDrainTimeout = 5s;
// A lease without deadline ends here: the server's own maximum run time plus slack.
inline constexpr std::chrono::milliseconds kLeaseGrace = 5s;
// Members that lost their proxy are back within kReconnectIntervalMax; a re-sent
// intent that nobody has announced waits this long before it counts as new.
inline constexpr std::chrono::milliseconds kResendSettleTime = 3s;
// A member answers a question about its catalogue on the spot; one that does not is not waited for longer.
inline constexpr std::chrono::milliseconds kCatalogAnswerTime = 5s;
// Two names and two numbers.
inline constexpr std::size_t kCatalogNewsBytesMax = 4 * kKiB;
// Runs in progress and stored replies that members have announced.
inline constexpr std::size_t kAnnouncedMax = 100000;

// --- The skill server ------------------------------------------------------------

inline constexpr std::size_t kWorkersMax = 1024;
inline constexpr std::size_t kWorkersDefault = 4;
// Topics of one server; each is a subscription.
inline constexpr std::size_t kServerTopicsMax = 64;
inline constexpr std::chrono::milliseconds kRunTimeoutDefault = 30s;
// The most a caller may ask for, unless the operator allows more.
inline constexpr std::chrono::milliseconds kRunTimeoutMax = 1h;
// SIGTERM, this grace, SIGKILL.
inline constexpr std::chrono::milliseconds kKillGrace = 2s;
// A grandchild may hold the pipes of a dead child open; its output is not waited for longer.
inline constexpr std::chrono::milliseconds kPipeDrainGrace = 250ms;
// stdout and stderr each; the rest is discarded and marked.
inline constexpr std::size_t kOutputBytesMax = 1 * kMiB;
// An endless writer burns a core: past this multiple of the cap the run is killed.
inline constexpr std::size_t kOutputFloodFactor = 16;
// What a reply shows of stderr.
inline constexpr std::size_t kStderrTailBytes = 4 * kKiB;
// Linux takes at most 131072 bytes in one environment string (MAX_ARG_STRLEN);
// larger intents go by file.
inline constexpr std::size_t kIntentEnvBytesMax = 64 * kKiB;
// What a function returns, as JSON: it has to fit into a reply beside the rest.
inline constexpr std::size_t kResultBytesMax = 4 * kMiB;
// Files that `collect` returns, and their bytes together: as base64 they need a third more.
inline constexpr std::size_t kArtifactsMax = 100;
inline constexpr std::size_t kArtifactBytesMax = 8 * kMiB;
// The most an operator may set for the two above: what a message can hold.
inline constexpr std::size_t kArtifactsLimit = kIntentItemsMax;
inline constexpr std::size_t kArtifactBytesLimit = kMessageBytesMax;
// A path in a run's folder (PATH_MAX), one name in it (NAME_MAX), and how deep folders are looked into.
inline constexpr std::size_t kRunPathBytesMax = 4000;
inline constexpr std::size_t kRunNameBytesMax = 255;
inline constexpr std::size_t kRunDepthMax = 64;
// Entries of a run's folder that are looked at when files are collected.
inline constexpr std::size_t kRunEntriesMax = 200000;
// Untouched folders of ended runs that are kept for the next ones: as many as workers are busy, mostly.
inline constexpr std::size_t kSpareRunFoldersMax = 64;
// A shorter value is no secret that could be told from other text.
inline constexpr std::size_t kSecretBytesMin = 8;
// For people; the first ones say it all.
inline constexpr std::size_t kReplyWarningsMax = 20;
// What one run may use, unless the operator says otherwise. Memory: node needs
// more address space than it touches, but not this much. Folder and files: more
// than any reply could carry back.
inline constexpr std::int64_t kRunMemoryMibMax = 4096;
inline constexpr std::int64_t kRunFolderMibMax = 1024;
inline constexpr std::int64_t kRunFilesMax = 100000;
inline constexpr std::int64_t kRunProcessesMax = 512;
// How often the memory, processes and files of a run are looked at: a hog gets
// this much time, and a run that is shorter costs nothing.
inline constexpr std::chrono::milliseconds kTreeWatchInterval = 250ms;
// The guardian reads within microseconds; one that does not is replaced by none.
inline constexpr std::chrono::milliseconds kGuardianWaitMax = 1s;
// After the daemon's death: how often, and how long, the guardian kills what is still there.
inline constexpr std::chrono::milliseconds kGuardianSweepInterval = 20ms;
inline constexpr int kGuardianSweepsMax = 250;
// The shim kills what came of its run again and again, because some of it forks meanwhile.
inline constexpr std::chrono::nanoseconds kShimSweepInterval = 1ms;
// A killed process ends within milliseconds. One that only passes the order on, and does not end, is killed
// itself after this time.
inline constexpr std::chrono::milliseconds kKillRepeatInterval = 5s;
// A killed control group is empty within milliseconds, unless its processes hang in the kernel.
inline constexpr std::chrono::milliseconds kCgroupEmptyWaitMax = 2s;
// Processes of the machine that are looked at for one run's share; far beyond pid_max by default.
inline constexpr std::size_t kProcessesScannedMax = 100000;
// The usual soft limit of a login; the daemon itself has far more.
inline constexpr std::uint64_t kRunOpenFilesMax = 1024;
inline constexpr std::chrono::milliseconds kDrainTimeoutDefault = 30s;
// The stack between clone and exec: plain system calls, a few hundred bytes deep.
inline constexpr std::size_t kAfterCloneStackBytes = 16 * kKiB;
// One read from a child's pipe: what a pipe holds by default.
inline constexpr std::size_t kPipeReadBytes = 64 * kKiB;
// What is still in a pipe after the end takes at most so many reads (pipe-max-size, pipe(7)).
inline constexpr int kPipeRestReadsMax = 16;
// Answers kept for re-sent requests.
inline constexpr std::size_t kReplyCacheBytesMax = 64 * kMiB;
inline constexpr std::chrono::milliseconds kReplyCacheTimeMax = 10min;
// The most an operator may set for the cache above: more is a slip of the keyboard.
inline constexpr std::size_t kReplyCacheBytesLimit = 16384 * kMiB;
// A line on a child's events descriptor: a number and a sentence; a longer one is no event.
inline constexpr std::size_t kEventLineBytesMax = 8 * kKiB;
// What an event carries of such a sentence: more does not fit on anybody's screen.
inline constexpr std::size_t kEventMessageBytesMax = 1 * kKiB;
// One stdout or stderr event. Small, because a stalled agent makes the proxy keep kSocketHighWaterMark of them.
inline constexpr std::size_t kEventChunkBytesMax = 16 * kKiB;
// Output that comes bit by bit is collected this long: a byte-by-byte writer costs 50 messages a second.
inline constexpr std::chrono::milliseconds kEventCollectTime = 20ms;
// Events of one run between the child and the wire; past it the child's pipes are not read.
inline constexpr std::size_t kEventBytesInFlightMax = 256 * kKiB;
// With more bytes of credentials than this a run's output is in its reply alone: to find them in each chunk would
// take too long.
inline constexpr std::size_t kEventSecretBytesMax = 16 * kKiB;
// What an event costs beyond its data, counted against the bound above.
inline constexpr std::size_t kEventOverheadBytes = 256;
// Progress within one collect time, past which only the newest is kept.
inline constexpr std::size_t kEventProgressBurstMax = 64;
// A proxy answers a start within a round trip; a silent one must not keep a worker from the others.
inline constexpr std::chrono::milliseconds kGrantWaitMax = 5s;
// What a stopping server waits for the proxies to confirm that nothing more is under way to it.
inline constexpr std::chrono::milliseconds kLeaveTimeMax = 2s;
// Runs that one announcement names; several follow each other.
inline constexpr std::ptrdiff_t kAnnouncementRunsMax = 5000;
// Replies that wait for room in the queue to a stalled proxy, and how soon they are tried again.
inline constexpr std::size_t kReplyBacklogMax = 10000;
inline constexpr std::chrono::milliseconds kReplyRetryInterval = 20ms;
// Folders of killed servers that a start removes; the rest is for the next one, so that a start is never long.
inline constexpr std::size_t kOrphanedFoldersMax = 1000;
// A folder that is younger may be about to be locked by the server that has just made it.
inline constexpr std::chrono::seconds kOrphanedFolderAgeMin = 60s;
// How often gauges and caches are looked after.
inline constexpr std::chrono::milliseconds kServerUpkeepInterval = 1s;

// --- The sandbox -----------------------------------------------------------------------

// Entries of /etc that are looked at once at start; real ones have about 2,000.
inline constexpr std::size_t kPublicFilesMax = 50000;
inline constexpr std::size_t kPublicFilesDepthMax = 16;
// /tmp and /dev/shm of a strict run, each: they lie in memory and end with the run.
inline constexpr std::size_t kStrictScratchBytesMax = 64 * kMiB;
// Rulesets made ahead: each is a descriptor, and no more are ever needed at once than runs begin together.
inline constexpr std::size_t kSpareRulesetsMax = 16;
// Starting one bubblewrap to see whether it works takes some milliseconds.
inline constexpr std::chrono::milliseconds kSandboxProbeTimeout = 10s;

// --- Python that waits (zygotes and workers) --------------------------------------

// Importing what an operator preloads; cold disks and heavy modules take seconds.
inline constexpr std::chrono::milliseconds kZygoteStartTimeMax = 20s;
// One fork or reap: milliseconds, unless the machine is in trouble. Then runs start cold.
inline constexpr std::chrono::milliseconds kZygoteAnswerTimeMax = 5s;
// After a failed start, doubled each time.
inline constexpr std::chrono::milliseconds kZygoteRetry = 1s;
inline constexpr std::chrono::milliseconds kZygoteRetryMax = 5min;
// What a leak in a preloaded module may pile up before the interpreter is replaced.
inline constexpr std::size_t kZygoteRunsMax = 10000;
inline constexpr std::size_t kZygoteRssBytesMax = 256 * kMiB;
inline constexpr std::chrono::milliseconds kZygoteAgeMax = 1h;
// Memory is looked at once in so many runs.
inline constexpr std::size_t kZygoteRssCheckRuns = 64;
// An answer has 21 bytes; the greeting lists modules that are missing.
inline constexpr std::size_t kZygoteAnswerBytesMax = 2 * kKiB;
// Five pipes, the report, what to run, guardian, control group and Landlock ruleset.
inline constexpr std::size_t kZygoteDescriptorsMax = 10;
// A step that failed, with the longest path there is.
inline constexpr std::size_t kZygoteReportBytesMax = 5 * kKiB;
// Interpreters of which one thread keeps a zygote; each has about 20 MiB.
inline constexpr std::size_t kZygotesMax = 4;
// Of a module's name.
inline constexpr std::size_t kPreloadNameBytesMax = 256;
// Of each thread: skills that are called often stay, the others make room.
inline constexpr std::size_t kWarmWorkersMax = 8;
// What a skill that leaks may pile up before its worker is replaced.
inline constexpr std::size_t kWarmWorkerCallsMax = 10000;
inline constexpr std::size_t kWarmWorkerGrowthBytesMax = 512 * kMiB;  // What it loads at first may be large, and stays.
inline constexpr std::chrono::milliseconds kWarmWorkerAgeMax = 1h;
// The folder, which calls share, is looked at once in so many calls.
inline constexpr std::size_t kWarmWorkerFolderCheckCalls = 64;

// --- Skills ------------------------------------------------------------------------

inline constexpr std::size_t kSkillDepthMax = 6;                 // Folders below the skills directory.
inline constexpr std::size_t kSkillsMax = 1000;                  // Skills of one server.
inline constexpr std::size_t kSkillScanEntriesMax = 200000;      // Directory entries looked at in one scan.
inline constexpr std::size_t kManifestBytesMax = 1 * kMiB;       // A SKILL.md is text for a model's context.
inline constexpr std::size_t kSkillNameCharsMax = 64;            // Agent Skills specification.
inline constexpr std::size_t kSkillDescriptionCharsMax = 1024;   // Agent Skills specification.
inline constexpr std::size_t kSkillCompatibilityCharsMax = 500;  // Agent Skills specification.
inline constexpr std::size_t kFrontmatterBytesMax = 64 * kKiB;   // Parsed as YAML; real ones have a few hundred bytes.
inline constexpr std::size_t kFrontmatterDepthMax = 8;           // `metadata` needs two.
// Lenient loading takes names beyond the specification, but they stand in logs and replies.
inline constexpr std::size_t kSkillNameBytesLenientMax = 256;
// A folder or manifest with more to say than this is broken as a whole.
inline constexpr std::size_t kSkillProblemsMax = 1000;
// Files of one skill that count for its digest, and their bytes; a skill with more is a
// software distribution, and reading it would hold up the start of the server.
inline constexpr std::size_t kSkillFilesMax = 10000;
inline constexpr std::uint64_t kSkillFilesBytesMax = 256 * kMiB;
inline constexpr std::size_t kSkillFileDepthMax = 16;  // Folders below the skill's.
// A server keeps copies of what it serves: of a skill with more than this, or past the sum of all, the folder itself
// is used. The copies may lie in memory (tmpfs).
inline constexpr std::uint64_t kSkillCopyBytesMax = 64 * kMiB;
inline constexpr std::uint64_t kSkillCopiesBytesMax = 512 * kMiB;
inline constexpr std::size_t kSkillScriptsMax = 500;      // Files below scripts/ that an intent may name.
inline constexpr std::size_t kSkillFieldsMax = 256;       // Inputs or outputs that a skill declares.
inline constexpr std::size_t kSkillVariablesMax = 128;    // Names in `env`.
inline constexpr std::size_t kSourceBytesMax = 1 * kMiB;  // What is read of a script to see what it is.
// What a skill may ask for; the operator's own maximum comes on top.
inline constexpr std::int64_t kSkillMemoryMbMax = 1024 * 1024;
inline constexpr std::int64_t kSkillFolderMbMax = 1024 * 1024;
inline constexpr std::int64_t kSkillCpuSecondsMax = 7 * 24 * 3600;
inline constexpr std::int64_t kSkillOutputBytesMax = 1024 * kMiB;
inline constexpr std::int64_t kSkillProcessesMax = 100000;
// Bundles of skills (`skills pack`, `skills unpack`). A file of more than this is data that
// does not belong into a skill.
inline constexpr std::uint64_t kBundleFileBytesMax = 64 * kMiB;
inline constexpr std::uint64_t kBundleBytesMax = 256 * kMiB;      // The archive itself.
inline constexpr std::size_t kBundleManifestBytesMax = 4 * kMiB;  // 10,000 files with long names.
inline constexpr std::size_t kBundlePathBytesMax = 1024;
// What unpacks to more than this many times the archive's size is a bomb; up to the allowance
// it may be, since a few repeated lines compress better than that.
inline constexpr std::uint64_t kBundleRatioMax = 200;
inline constexpr std::uint64_t kBundleRatioAllowance = 16 * kMiB;
// Modules that one look at a skill's imports asks the interpreter about, and how long that may take.
inline constexpr std::size_t kImportsMax = 500;
inline constexpr std::chrono::milliseconds kImportCheckTimeout = 20s;
// Scripts that a SKILL.md may mention and validation looks for.
inline constexpr std::size_t kMentionsMax = 200;
// The kernel looks at no more of a `#!` line (BINPRM_BUF_SIZE).
inline constexpr std::size_t kShebangBytesMax = 256;
// What an error text lists; all of them are in `skillscale skills list`.
inline constexpr std::size_t kSkillNamesListedMax = 20;
// A file that an agent reads over the fabric: a document for a model's context. It travels in one reply, and is
// read by the thread that serves everybody.
inline constexpr std::size_t kCatalogFileBytesMax = 1 * kMiB;
// A path inside a skill, and the parts of it.
inline constexpr std::size_t kCatalogPathBytesMax = 1024;
// The text that is matched against the catalogue; the rest says nothing more.
inline constexpr std::size_t kMatchTextBytesMax = 8 * kKiB;
// Words of the text's first sentence that count; an instruction is short, what follows is data.
inline constexpr std::size_t kMatchWordsMax = 24;
// An editor or a copy writes several files in a row: what has been quiet for so long is scanned, and a
// tree that never rests is scanned this often all the same.
inline constexpr std::chrono::milliseconds kCatalogueQuiet = 300ms;
inline constexpr std::chrono::milliseconds kCatalogueSettleMax = 3s;
// Where folders cannot be watched. Names, sizes and times of a thousand skills take some milliseconds.
inline constexpr std::chrono::milliseconds kCataloguePollInterval = 2s;
// Folders watched; the kernel's own limit for a user has long been 8192 (fs.inotify.max_user_watches).
inline constexpr std::size_t kCatalogueWatchesMax = 4096;
// Folders below the skills directory: kSkillDepthMax, and some inside a skill.
inline constexpr std::size_t kWatchDepthMax = 12;
// A skill's circuit breaker: so many crashes or time-outs in a row, the first pause, and where its doubling ends.
inline constexpr std::size_t kBreakerFailuresDefault = 5;
inline constexpr std::size_t kBreakerFailuresMax = 1000;
inline constexpr std::chrono::milliseconds kBreakerCooldownDefault = 10s;
inline constexpr std::chrono::milliseconds kBreakerCooldownMax = 10min;
// Intents that a server holds beyond its workers, so that those which wait for
// another run of their skill do not keep intents of other skills from it.
inline constexpr std::uint32_t kParkedCredits = 16;
// Skills that ever had series of their own on the metrics page. A skill that has gone keeps them, so that
// no counter goes down; past this many, new ones share the series "other".
inline constexpr std::size_t kSkillLabelsMax = 2 * kSkillsMax;

// --- The agent client -------------------------------------------------------------

// Unanswered requests of one client; each keeps its intent for a re-send.
inline constexpr std::size_t kAgentPendingMax = 100000;
inline constexpr std::chrono::milliseconds kAgentTimeoutDefault = 60s;
inline constexpr std::chrono::milliseconds kAgentConnectTimeout = 5s;
// Ids of answered requests, remembered to tell duplicates from strangers.
inline constexpr std::size_t kAgentAnsweredMax = 10000;
// The intents of all unanswered requests together.
inline constexpr std::size_t kAgentPendingBytesMax = 512 * kMiB;
// With the prefix AGENT_REPLY_ it must fit into a topic.
inline constexpr std::size_t kAgentIdBytesMax = 116;
// Events that wait for respond(), over all requests; past it they are dropped, and seen to be.
inline constexpr std::size_t kAgentEventBytesMax = 16 * kMiB;
// libzmq gives no sign when a full publishing socket has room again.
inline constexpr std::chrono::milliseconds kAgentSendRetry = 2ms;
// A --file beyond it could not travel in one message, encoded as JSON.
inline constexpr std::size_t kCommandInputBytesMax = 15 * kMiB;
// Proxies of one agent; each costs two connections.
inline constexpr std::size_t kAgentProxiesMax = 16;
// What the command reads of an answer of a proxy's HTTP port.
inline constexpr std::size_t kHttpAnswerBytesMax = 4 * kMiB;
inline constexpr std::chrono::milliseconds kHttpTimeout = 5s;

// --- Every daemon --------------------------------------------------------------------

inline constexpr std::size_t kConfigBytesMax = 1 * kMiB;
// What a log line shows of an intent, at debug level only.
inline constexpr std::size_t kLogPrefixBytes = 64;
// Threads of the admin HTTP server: a scraper, a prober and KEDA, with room.
inline constexpr int kAdminThreads = 4;
// A request is one small packet. A connection that sends nothing holds a thread no longer than this,
// so that idle strangers delay a probe but cannot keep it out.
inline constexpr std::chrono::milliseconds kAdminRequestTimeout = 1s;
// Request line and headers together.
inline constexpr std::size_t kAdminRequestBytesMax = 8 * kKiB;
// Accepted connections that wait for a thread.
inline constexpr int kAdminConnectionsWaitingMax = 64;

}  // namespace skillscale::limits

package import CommitLog
import KafkaProtocol
package import Platform

/// One broker: the topics of a data directory and the groups that read them, as Kafka's clients see them.
///
/// No sockets and no async: a server calls the methods of ``KafkaService``, pipelines write through the data directory.
/// Every method may be called from any thread between ``start()`` and ``stop()``.
///
/// Threads of its own: ``BrokerOptions/workers`` for what may wait for the disk, one for changes of topics, one that
/// syncs, one for upkeep, one that compacts. Work for later (deadlines, members' sessions) is given to the scheduler, on
/// whose thread nothing here waits for the disk.
package final class Node: Sendable {
    package let directory: DataDirectory
    package let options: BrokerOptions
    let clock: Clock
    let scheduler: any Scheduler
    let log: @Sendable (String) -> Void
    let workers: Workers
    /// For topics that come and go, one change after the other: these take long, and producers do not wait for them.
    let topicWorker: Workers
    let waiting: WaitingFetches
    let syncing: SyncThread
    let upkeep: Upkeep
    /// The upkeep that may take long.
    let cleaner: Upkeep
    let offsetsLog: OffsetsLog
    let coordinator: GroupCoordinator
    let producerIDs = Lock<Range<Int64>>(0..<0)
    private let advertised: Lock<Endpoint>

    /// Where clients connect.
    package struct Endpoint: Hashable, Sendable {
        package var host: String
        package var port: Int32

        package init(host: String, port: Int32) {
            self.host = host
            self.port = port
        }
    }

    /// - Parameters:
    ///   - directory: stays the caller's, who closes it after ``stop()``.
    ///   - advertised: may be changed by ``advertise(_:)`` once the port is known.
    ///   - log: gets a sentence about what no client is told: a failed sync, a damaged record. Called on any thread.
    package init(
        directory: DataDirectory, options: BrokerOptions = BrokerOptions(), clock: Clock = .system,
        scheduler: any Scheduler, advertised: Endpoint, log: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.directory = directory
        self.options = options
        self.clock = clock
        self.scheduler = scheduler
        self.log = log
        self.advertised = Lock(advertised)
        workers = Workers(
            count: options.workers, maxJobs: options.maxQueuedRequests, maxBytes: options.maxQueuedBytes)
        topicWorker = Workers(
            count: 1, maxJobs: options.maxQueuedRequests, maxBytes: options.maxQueuedBytes, name: "topics")
        waiting = WaitingFetches(limit: options.maxWaitingFetches)
        syncing = SyncThread(directory: directory, options: options, clock: clock, scheduler: scheduler, log: log)
        upkeep = Upkeep(name: "upkeep", log: log)
        cleaner = Upkeep(name: "cleaner", log: log)
        offsetsLog = OffsetsLog(
            directory: directory, options: options, clock: clock, workers: workers, syncing: syncing)
        coordinator = GroupCoordinator(
            options: options.groups, clock: clock, scheduler: scheduler, offsetsLog: offsetsLog, log: log)
    }

    /// Reads the groups back and starts the threads. Blocks for as long as reading `__consumer_offsets` takes.
    package func start() throws(StorageError) {
        try offsetsLog.open()
        workers.start()
        topicWorker.start()
        directory.observer = { [weak self] partition in self?.appended(to: partition) }
        syncing.start()
        loadGroups()
        startUpkeep()
        startCleaner()
    }

    /// Answers who waits, ends the threads and returns when they have ended. The data directory stays open.
    package func stop() {
        cleaner.stop()
        upkeep.stop()
        for call in waiting.takeAll() { finish(call) }
        coordinator.stop()
        topicWorker.stop()
        workers.stop()
        // A worker may have parked one more meanwhile.
        for call in waiting.takeAll() { finish(call) }
        syncing.stop()
        directory.observer = nil
    }

    package func advertise(_ endpoint: Endpoint) { advertised.withLock { $0 = endpoint } }

    var endpoint: Endpoint { advertised.withLock { $0 } }

    /// Something became readable. Called by whoever appended, so it only hands on.
    private func appended(to partition: Partition) {
        syncing.appended(to: partition)
        for call in waiting.take(partition) { evaluateLater(call) }
    }

    private func startUpkeep() {
        upkeep.add("checkpoint", every: options.checkpointInterval, on: scheduler, clock) {
            [directory] () throws(StorageError) in try directory.checkpoint()
        }
        upkeep.add("retention by size", every: options.sizeRetentionInterval, on: scheduler, clock) {
            [directory] () throws(StorageError) in
            _ = try directory.enforceRetention()
        }
        upkeep.add("retention by time", every: options.timeRetentionInterval, on: scheduler, clock) {
            [directory, clock] () throws(StorageError) in
            _ = try directory.enforceRetention(now: clock.wallMilliseconds())
        }
        upkeep.add("deleted files", every: options.deletedFilesInterval, on: scheduler, clock) {
            [directory, clock] () throws(StorageError) in
            try directory.removeDeletedFiles(now: clock.wallMilliseconds())
        }
        upkeep.add("group offsets", every: options.offsetsExpiryInterval, on: scheduler, clock) {
            [coordinator] () throws(StorageError) in
            coordinator.expire()
        }
        upkeep.add("producer expiry", every: options.producerExpiryInterval, on: scheduler, clock) {
            [directory, clock] () throws(StorageError) in
            directory.expireProducers(now: clock.wallMilliseconds())
        }
        upkeep.start()
    }
}

extension Node: KafkaService {}

import CommitLog
package import Pipelines
package import Platform
import Records
import Settings

/// The sink `topic`: appends to a topic of the embedded log, in rounds, exactly once.
///
/// Events are scattered into a builder for each partition. A full builder goes to the encoders at once; a round closes
/// at its bytes or its linger. While the encoders finish a closed round the next one is taken in; rounds are appended in
/// order, each with the positions behind it in one atomic append.
package final class TopicSink: EventSink {
    private let options: TopicOptions
    private let context: ComponentContext
    private let keys: KeyTaker?
    private let pool: BufferPool
    private var topic: Topic?
    /// The topic's, as they were when it was last looked at.
    private var settings = TopicSettings()
    private var scatter: Scatter
    private var producer = PipelineProducer(id: -1, epoch: -1)
    /// By partition: the sequence number of the next batch.
    private var sequences: [Int32] = []
    private var open: OpenRound?
    private var closed: [OpenRound] = []
    private var longestEvent = 0
    /// Bytes of the share held for rounds that are not appended yet.
    private var charged = 0
    /// The house is full: this sink brings home what it has.
    private var isSqueezed = false
    private var totals = SinkReport()

    /// Closed rounds that may be under way while the next is taken in.
    private static let roundsUnderWay = 1
    /// A batch smaller than this is encoded faster than it is handed over.
    private static let worthHandingOver = 32 << 10

    package init(_ options: TopicOptions, _ context: ComponentContext) throws {
        self.options = options
        self.context = context
        keys = try options.key.map { try KeyTaker($0) }
        let partitions = options.partitions
        // As many as the rounds under way have: memory that goes back to the allocator comes back in other places.
        let batches = partitions + options.round.bytes / options.batch.bytes
        pool = BufferPool(batchBytes: options.batch.bytes, keep: (Self.roundsUnderWay + 2) * batches)
        scatter = Scatter(partitions: partitions, batchBytes: options.batch.bytes, pool: pool)
        totals.name = context.name
    }

    package func start(longestEvent: Int) throws {
        self.longestEvent = longestEvent
        producer = try context.shared.directory.producer(pipeline: context.pipeline)
        try findTopic()
    }

    package func take(_ batch: consuming SourceBatch) {
        var batch = batch
        keys?.take(in: &batch.events)
        if open == nil { open = OpenRound(began: context.shared.clock.now()) }
        let bytes = batch.events.block.count
        charge(bytes)
        var next = 0
        while next < batch.events.events.count {
            let step = scatter.add(batch.events, from: next)
            next = step.next
            if let full = step.full { handOver(full) }
        }
        open?.add(batch, bytes: bytes)
    }

    package func advance() throws {
        if let open {
            let due = context.shared.clock.now() >= open.began + options.linger
            if due || isSqueezed || open.bytes >= options.round.bytes { closeRound() }
        }
        try append(leaving: isSqueezed ? 0 : Self.roundsUnderWay)
        isSqueezed = false
    }

    package func settle() throws {
        try append(leaving: 0)
        if open == nil { pool.trim() }
    }

    package func flush() throws {
        closeRound()
        try append(leaving: 0)
    }

    package var deadline: Instant? { open.map { $0.began + options.linger } }

    package var report: SinkReport {
        var report = totals
        report.waitingBytes = Int64((open?.bytes ?? 0) + closed.reduce(0) { $0 + $1.bytes })
        report.counters = keys?.counters ?? [:]
        return report
    }

    package func close() { pool.trim() }

    // MARK: - Rounds

    private func handOver(_ partition: Int) {
        guard let builder = scatter.take(partition) else { return }
        let finish = finish(sequence: sequences[partition])
        sequences[partition] = ProducerStamp.sequence(sequences[partition], movedBy: builder.count)
        guard let latch = open?.latch else { return }
        let size = builder.size
        let job = EncodeJob(builder, partition: partition, finish: finish, latch: latch)
        open?.add(job)
        if size < Self.worthHandingOver { job.run() } else { context.shared.encoders.submit(job) }
    }

    private func closeRound() {
        guard open != nil else { return }
        for partition in sequences.indices { handOver(partition) }
        if let open { closed.append(open) }
        open = nil
    }

    /// Appends closed rounds in order, encoding while it waits, until so many are left.
    private func append(leaving count: Int) throws {
        while let round = closed.first {
            if !round.latch.isOpen {
                guard closed.count > count else { return }
                if !context.shared.encoders.help() { round.latch.wait() }
                continue
            }
            let partitions = try findTopic()
            // Finding the topic may have sorted the rounds anew.
            try append(closed.first ?? round, to: partitions)
            closed.removeFirst()
            release(round.bytes)
        }
    }

    private func append(_ round: OpenRound, to partitions: [Partition]) throws {
        let (made, bytes) = try round.round(pipeline: context.pipeline, partitions: partitions)
        if settings.timestampType == .logAppendTime {
            let now = context.shared.clock.wallMilliseconds()
            for part in made.parts { for batch in part.batches { batch.retime(.logAppendTime, maxTimestamp: now) } }
        }
        _ = try context.shared.directory.append(made)
        if options.acks == .all { try context.shared.directory.sync() }
        totals.events += round.events
        totals.bytes += Int64(bytes)
        totals.rounds += 1
    }

    // MARK: - The byte budget

    /// What was taken is taken; but if the house is full, this sink first brings home what it has.
    private func charge(_ bytes: Int) {
        if context.share.take(bytes) { charged += bytes } else { isSqueezed = true }
    }

    private func release(_ bytes: Int) {
        let bytes = min(bytes, charged)
        charged -= bytes
        context.share.release(bytes)
    }

    // MARK: - The topic

    /// The partitions as they are now: a topic that was deleted beneath the pipeline is made again.
    @discardableResult
    private func findTopic() throws -> [Partition] {
        if let topic, !topic.partitions[0].isDeleted {
            if topic.partitions.count != sequences.count { try adopt(topic) }
            noteSettings(topic.settings)
            return topic.partitions
        }
        let isLost = topic != nil
        let (found, warning) = try context.shared.topic(options.topic, options.partitions, configuration)
        if isLost {
            context.note(.warning, "the topic \(options.topic) was deleted; it is made again, and collecting goes on")
        }
        if let warning { context.note(.warning, warning) }
        try adopt(found)
        noteSettings(found.settings)
        return found.partitions
    }

    /// - Parameter found: another topic, or the same with more partitions.
    private func adopt(_ found: Topic) throws {
        // A producer that a partition does not know may begin at any number, so the same number of partitions goes on.
        if topic == nil || found.partitions.count != sequences.count {
            var fresh = found.partitions.map { $0.nextSequence(producerId: producer.id, epoch: producer.epoch) }
            try sortAgain(&fresh)
            scatter = Scatter(partitions: fresh.count, batchBytes: options.batch.bytes, pool: pool)
            sequences = fresh
        }
        topic = found
    }

    /// What is under way was sorted for another number of partitions.
    private func sortAgain(_ fresh: inout [Int32]) throws {
        closeRound()
        guard !closed.isEmpty else { return }
        var plan = OpenRound.Rescatter(partitions: fresh.count, finish: finish(sequence: 0), sequences: fresh)
        var rounds = closed
        for index in rounds.indices {
            while !rounds[index].latch.isOpen {
                if !context.shared.encoders.help() { rounds[index].latch.wait() }
            }
            try rounds[index].rescatter(&plan)
        }
        closed = rounds
        fresh = plan.sequences
    }

    private func finish(sequence: Int32) -> EncodeJob.Finish {
        let codec = settings.compression.codec(for: options.codec.codec)
        let level = codec == options.codec.codec ? options.level : settings.level(of: codec)
        return EncodeJob.Finish(
            codec: codec, level: level, producer: producer.id, epoch: producer.epoch, sequence: sequence)
    }

    /// Takes over what the topic says of its batches now, and tells what a pipeline cannot do for it.
    private func noteSettings(_ new: TopicSettings) {
        guard new != settings else { return }
        let old = settings
        settings = new
        let name = options.topic
        if new.compression != old.compression, new.compression.codec(for: options.codec.codec) != options.codec.codec {
            context.note(
                .warning,
                "the topic \(name) has compression.type=\(new.compression.rawValue), which counts here, not the codec")
        }
        if new.cleanupPolicy.contains(.compact), !old.cleanupPolicy.contains(.compact), options.key == nil {
            context.note(
                .warning,
                "the topic \(name) is compacted, and the pipeline gives its lines no key: compaction removes them")
        }
        let largest = max(options.batch.bytes, longestEvent) + Self.batchOverhead
        if new.maxMessageBytes < largest, new.maxMessageBytes != old.maxMessageBytes {
            context.note(
                .warning,
                """
                the topic \(name) has max.message.bytes=\(new.maxMessageBytes): what is collected is stored all the \
                same, in batches of up to \(largest) bytes
                """)
        }
    }

    /// Beside the longest event a batch has its own header and the record's lengths.
    private static let batchOverhead = 512

    private var configuration: [String: String] {
        var configuration: [String: String] = [:]
        if let retention = options.retention {
            configuration = TopicSettings.capped(total: Int64(retention.bytes), partitions: options.partitions)
        }
        if let age = options.maxAge { configuration["retention.ms"] = "\(age.wholeMilliseconds)" }
        let largest = longestEvent + Self.batchOverhead
        if largest > TopicSettings().maxMessageBytes { configuration["max.message.bytes"] = "\(largest)" }
        return configuration
    }
}

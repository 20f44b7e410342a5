import KafkaClient
import Platform
import Records

/// Reads a topic, alone or as a member of a group, and prints what comes.
final class Consumption {
    /// A group's positions are committed so often.
    private static let commitInterval = Duration.seconds(5)
    /// How long a broker may hold an answer back for want of records.
    private static let patience = Duration.milliseconds(500)

    /// What the last commit and the leaving may take together with their repetitions, each.
    private static let farewell = Duration.seconds(5)

    private let client: KafkaClient
    private let options: ConsumeOptions
    private let clock = Clock.system
    private var printer: RecordPrinter
    private var fetcher: Fetcher
    private var member: GroupMember?
    /// Where each partition ended at the start.
    private var ends: [TopicPartition: Offset] = [:]
    /// Behind what was printed, where it differs from what was committed.
    private var uncommitted: [TopicPartition: Offset] = [:]
    private var nextCommit: Instant
    /// What was asked for and has no leader.
    private var unreadable: [TopicPartition] = []
    /// Nobody reads stdout any more.
    private var isDeaf = false

    init(_ client: KafkaClient, _ options: ConsumeOptions, _ printer: RecordPrinter) {
        self.client = client
        self.options = options
        self.printer = printer
        fetcher = Fetcher(client)
        nextCommit = clock.now() + Self.commitInterval
    }

    /// - Returns: false if stdout was closed before all was printed.
    func run() throws -> Bool {
        do throws(ClientError) {
            let topic = try client.topic(named: options.topic)
            ends = try client.offsets(.end, of: topic.readablePartitions)
            if let group = options.group {
                member = GroupMember(client, group: group, topics: [options.topic])
                try rejoin()
            } else {
                try begin(at: try chosen(of: topic))
            }
            try readAll()
        } catch {
            guard error.kind == .interrupted else {
                try? finish()
                throw error
            }
        }
        try finish()
        guard unreadable.isEmpty else {
            throw ClientError(
                "read \(unreadable.map(\.description).joined(separator: ", "))", cause: "it has no leader",
                advice: "see the broker's log; --partition chooses others")
        }
        return !isDeaf
    }

    private func readAll() throws(ClientError) {
        while !isDone {
            if let member, try !member.heartbeat() { try rejoin() }
            if fetcher.positions.isEmpty {
                client.pause(Self.patience)
                continue
            }
            let pieces = try client.retrying { (_) throws(ClientError) in try fetcher.fetch(patience: Self.patience) }
            for piece in pieces where !printer.isFull && !isDeaf { try take(piece) }
            if clock.now() >= nextCommit { try commit() }
        }
    }

    private var isDone: Bool {
        printer.isFull || isDeaf || client.interruption.isRequested || (!options.follow && fetcher.positions.isEmpty)
    }

    /// Commits, leaves the group. Ctrl-C has no effect on it, so a broker that is away is not waited for long.
    private func finish() throws(ClientError) {
        client.interruption.clear()
        client.options.requestTimeout = Self.farewell
        guard let member else { return }
        try commit()
        try member.leave()
    }
}

extension Consumption {
    private func take(_ piece: Fetcher.Piece) throws(ClientError) {
        if piece.isOutOfRange { return try reset(piece.partition) }
        var records = piece.records[...]
        var next = piece.nextOffset
        if !options.follow, let end = ends[piece.partition] {
            records = records.prefix { $0.offset < end }
            next = min(next, end)
            if next >= end { fetcher.positions[piece.partition] = nil }
        }
        guard let count = printer.print(records, of: piece.partition.partition) else {
            isDeaf = true
            return
        }
        if count < records.count { next = (records.dropFirst(count).first?.offset).map { $0 } ?? next }
        uncommitted[piece.partition] = next
    }

    private func commit() throws(ClientError) {
        nextCommit = clock.now() + Self.commitInterval
        guard let member, !uncommitted.isEmpty else { return }
        let offsets = uncommitted
        uncommitted = [:]
        if try !member.commit(offsets) {
            Console.err.line("the group has given the partitions to others: the last records may be read again")
        }
    }

    /// Takes part in a rebalance, and goes on with the partitions that come out of it.
    private func rejoin() throws(ClientError) {
        guard let member else { return }
        try commit()
        let assignment = try member.join()
        Console.err.line("group \(member.group): \(assignment.count) of \(ends.count) partitions")
        let committed = try client.committed(by: member.group, of: assignment)
        try begin(at: try starts(of: assignment, committed))
    }

    /// Where partitions without a commit begin.
    private func starts(
        of partitions: [TopicPartition], _ committed: [TopicPartition: Offset]
    ) throws(ClientError) -> [TopicPartition: Offset] {
        let fresh = try client.offsets(defaultStart, of: partitions.filter { committed[$0] == nil })
        // Committed as they are: a member that gets the partition later must not begin behind what came meanwhile.
        uncommitted = fresh
        return committed.merging(fresh) { old, _ in old }
    }

    private var defaultStart: NamedOffset { options.follow && !options.fromBeginning ? .end : .start }

    /// The partitions that were asked for, and where each begins.
    private func chosen(of topic: TopicView) throws(ClientError) -> [TopicPartition: Offset] {
        for index in options.partition where !topic.partitions.contains(where: { Int($0.index) == index }) {
            throw ClientError(
                "read partition \(index) of topic '\(topic.name)'",
                cause: "it has partitions 0 to \(topic.partitions.count - 1)")
        }
        let asked = topic.topicPartitions.filter { partition in
            options.partition.isEmpty || options.partition.contains(Int(partition.partition))
        }
        let wanted = asked.filter(Set(topic.readablePartitions).contains)
        unreadable = asked.filter { !wanted.contains($0) }
        guard let offset = options.offset else { return try client.offsets(defaultStart, of: wanted) }
        let first = try client.offsets(.start, of: wanted)
        var starts: [TopicPartition: Offset] = [:]
        for partition in wanted {
            let asked = offset < 0 ? (ends[partition] ?? 0) + Int64(offset) : Int64(offset)
            let start = max(asked, first[partition] ?? 0)
            if offset >= 0, start > asked {
                Console.err.line("\(partition) begins at offset \(start): what preceded it is gone")
            }
            if offset >= 0, let end = ends[partition], start > end {
                Console.err.line("\(partition) ends at offset \(end): there is nothing from \(start) on")
            }
            starts[partition] = start
        }
        return starts
    }

    private func begin(at starts: [TopicPartition: Offset]) throws(ClientError) {
        fetcher.positions = starts.filter { options.follow || $0.value < ends[$0.key] ?? .max }
    }

    /// The offset is gone (retention), or not there any more (a topic made anew).
    private func reset(_ partition: TopicPartition) throws(ClientError) {
        let position = fetcher.positions[partition] ?? 0
        let start = try client.offsets(.start, of: [partition])[partition] ?? 0
        let end = try client.offsets(.end, of: [partition])[partition] ?? 0
        guard options.group != nil || position < start else {
            throw ClientError(
                "read \(partition) at offset \(position)", cause: "it has offsets \(start) to \(end)",
                advice: "choose another --offset")
        }
        let next = position < start ? start : end
        Console.err.line("\(partition) has offsets \(start) to \(end), not \(position): going on at \(next)")
        fetcher.positions[partition] = next
    }
}

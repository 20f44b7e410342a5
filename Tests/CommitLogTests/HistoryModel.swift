import CommitLog
import Records

/// What a data directory should hold, beside one that goes through a random history.
///
/// After a crash each partition must hold a prefix of what the model has, rounds whole or not at all and in their order,
/// and at least everything that was synced (a power loss) or everything that was answered (a kill). What a compaction or a
/// deletion was allowed to take may be missing from it, and nothing else.
struct HistoryModel {
    /// One append, to one partition or as part of a round.
    struct Entry {
        /// As ``HistoryRecord`` has them.
        var values: [String]
        var base: Offset
        /// nil for a client's.
        var round: Int?
        var producer = ProducerStamp.none
        /// Must survive a power loss.
        var isSynced = false
        /// When it was answered, among all answers: then it must survive a kill.
        var answer: Int?

        var end: Offset { base + Offset(values.count) }
    }

    struct PartitionModel {
        var entries: [Entry] = []
        /// Where the log may begin: at or behind what was answered, and not behind what was asked for.
        var begins: ClosedRange<Offset> = 0...0
        /// Below it compaction may have been.
        var cleaned: Offset = 0
        /// Of what lies before the first entry.
        var end: Offset = 0
        /// Producers of which something was deleted.
        var deletedProducers: Set<Int64> = []

        mutating func append(_ entry: Entry) {
            entries.append(entry)
            end = entry.end
        }
    }

    struct TopicModel {
        var partitions: [PartitionModel]
        /// The first is what was answered; the others are what changes that failed may have left.
        var configurations: [[String: String]]
        /// As ``configurations``.
        var counts: [Int]
        /// Retention was asked for at some time.
        var isTrimmed = false

        init(partitions: Int, configuration: [String: String]) {
            self.partitions = Array(repeating: PartitionModel(), count: partitions)
            configurations = [configuration]
            counts = [partitions]
            note(configuration)
        }

        mutating func note(_ configuration: [String: String]) {
            if Int(configuration["retention.bytes"] ?? "-1") != -1 { isTrimmed = true }
        }

        var isCompacted: Bool { configurations[0]["cleanup.policy"] == "compact" }
    }

    struct RoundModel {
        var pipeline: String
        /// Where it wrote: what was deleted since is left out.
        var parts: Set<Place>
        var offset: Int64
        var isSynced = false
        var answer: Int?
    }

    struct Place: Hashable {
        var topic: String
        var partition: Int
    }

    var topics: [String: TopicModel] = [:]
    /// Names whose deletion, or creation, was under way when it failed.
    var uncertain: Set<String> = []
    var rounds: [Int: RoundModel] = [:]
    var nextRound = 0
    var nextValue = 0
    /// The highest leader epoch that anyone wrote with.
    var leaderEpoch: Int32 = -1

    /// How many appends were answered so far: what a sync that begins now covers.
    private(set) var answers = 0

    /// The place of an answer among all of them.
    mutating func answer() -> Int {
        answers += 1
        return answers
    }

    /// A sync has succeeded that began after so many answers.
    mutating func sync(through covered: Int) {
        for name in topics.keys {
            for partition in topics[name]!.partitions.indices {
                for place in topics[name]!.partitions[partition].entries.indices {
                    let answer = topics[name]!.partitions[partition].entries[place].answer
                    if let answer, answer <= covered {
                        topics[name]!.partitions[partition].entries[place].isSynced = true
                    }
                }
            }
        }
        for number in rounds.keys {
            if let answer = rounds[number]!.answer, answer <= covered { rounds[number]!.isSynced = true }
        }
    }

    /// Where the next append to a partition goes.
    func end(of place: Place) -> Offset { topics[place.topic]!.partitions[place.partition].end }

    mutating func append(_ entry: Entry, to place: Place) {
        topics[place.topic]!.partitions[place.partition].append(entry)
    }

    mutating func forget(topic: String) {
        topics[topic] = nil
        for round in rounds.keys { rounds[round]!.parts = rounds[round]!.parts.filter { $0.topic != topic } }
    }
}

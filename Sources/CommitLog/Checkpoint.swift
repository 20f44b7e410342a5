import Records

/// Up to where each partition was durable when a whole pass had been made: `penstock-checkpoint`, all partitions together.
///
/// What is missing below is damage, not a tear. (Recovery reads everything all the same.)
/// ```
/// 1                          version
/// count
/// topicID partition offset   one line each
/// ```
/// Topics stand by their id, so that a topic made anew under an old name does not inherit anything.
struct Checkpoint: Hashable {
    static let fileName = "penstock-checkpoint"

    var ends: [Key: Offset] = [:]

    struct Key: Hashable {
        var topic: TopicID
        var partition: Int32
    }

    var text: String {
        let lines = ends.map { "\($0.key.topic) \($0.key.partition) \($0.value)\n" }.sorted()
        return "1\n\(lines.count)\n" + lines.joined()
    }

    init() {}

    /// Reads what ``text`` wrote. Anything else is no checkpoint: recovery can do without.
    init(text: String) {
        let lines = text.split(separator: "\n")
        guard lines.count >= 2, lines[0] == "1", Int(lines[1]) == lines.count - 2 else { return }
        for line in lines.dropFirst(2) {
            let fields = line.split(separator: " ")
            guard fields.count == 3, let topic = TopicID(text: String(fields[0])), let partition = Int32(fields[1]),
                let offset = Int64(fields[2])
            else {
                ends = [:]
                return
            }
            ends[Key(topic: topic, partition: partition)] = offset
        }
    }
}

extension DataDirectory {
    /// Where every partition ends now.
    func currentEnds() -> Checkpoint {
        var checkpoint = Checkpoint()
        for topic in topics() {
            for partition in topic.partitions {
                checkpoint.ends[Checkpoint.Key(topic: topic.id, partition: partition.index)] = partition.highWatermark
            }
        }
        return checkpoint
    }

    /// Leaves a checkpoint that a pass has made true.
    func write(_ checkpoint: Checkpoint) throws(DiskError) {
        try disk.replaceFile("\(path)/\(Checkpoint.fileName)", with: Array(checkpoint.text.utf8))
        try disk.syncDirectory(path)
    }
}

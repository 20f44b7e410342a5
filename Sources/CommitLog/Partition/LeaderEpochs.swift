import Records

/// Which leader epoch began at which offset of a partition: `leader-epoch-checkpoint`, in Kafka's text form.
/// ```
/// 0
/// count
/// epoch startOffset      one line each, both ascending
/// ```
/// The file is a copy of what the batches say, and is made again from them when it is lost.
struct LeaderEpochs: Equatable {
    static let fileName = "leader-epoch-checkpoint"

    struct Entry: Equatable {
        var epoch: Int32
        var start: Offset
    }

    private(set) var entries: [Entry] = []

    var last: Int32? { entries.last?.epoch }

    /// Takes note of a batch's epoch.
    /// - Returns: whether it is new.
    mutating func note(_ epoch: Int32, at offset: Offset) -> Bool {
        guard epoch >= 0, epoch > last ?? -1 else { return false }
        entries.append(Entry(epoch: epoch, start: offset))
        return true
    }

    /// Forgets epochs that began before the log now does, but for the one it begins in.
    /// - Returns: whether there were any.
    mutating func trim(before start: Offset) -> Bool {
        guard let first = entries.first, first.start < start else { return false }
        while entries.count > 1 && entries[1].start <= start { entries.removeFirst() }
        entries[0].start = max(entries[0].start, start)
        return true
    }

    /// Forgets epochs that began at an offset or behind it.
    mutating func cut(at end: Offset) { entries.removeAll { $0.start >= end } }

    /// Where an epoch ended (OffsetForLeaderEpoch).
    /// - Returns: the largest epoch at or below the one asked for and where it ended; -1, -1 if that is not known.
    func end(of epoch: Int32, current: Int32, logEnd: Offset) -> (epoch: Int32, end: Offset) {
        if epoch == current { return (epoch, logEnd) }
        guard epoch >= 0, epoch < current, let first = entries.first else { return (-1, -1) }
        guard epoch >= first.epoch else { return (epoch, first.start) }
        let next = entries.firstIndex { $0.epoch > epoch } ?? entries.count
        return (entries[next - 1].epoch, next < entries.count ? entries[next].start : logEnd)
    }

    var text: String {
        "0\n\(entries.count)\n" + entries.map { "\($0.epoch) \($0.start)\n" }.joined()
    }

    init() {}

    /// Reads what ``text`` wrote; nil for anything else.
    init?(text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 3, lines[0] == "0", let count = Int(lines[1]), count == lines.count - 3 else { return nil }
        for line in lines[2..<2 + count] {
            let fields = line.split(separator: " ")
            guard fields.count == 2, let epoch = Int32(fields[0]), let start = Int64(fields[1]),
                note(epoch, at: start)
            else { return nil }
        }
    }
}

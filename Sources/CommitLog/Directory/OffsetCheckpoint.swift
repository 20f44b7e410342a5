package import Records

/// One of Kafka's checkpoint files in the root of a data directory: an offset for each of some partitions.
/// ```
/// 0                        version
/// count
/// topic partition offset   one line each
/// ```
/// Topics stand by their name, so what is left of a deleted one must go before its name is given out again.
package struct OffsetCheckpoint: Hashable, Sendable {
    package enum Name: String, CaseIterable, Sendable {
        /// Below these offsets everything was durable after one whole pass.
        case recoveryPoint = "recovery-point-offset-checkpoint"
        /// The first readable offsets of partitions whose first segment begins lower.
        case logStart = "log-start-offset-checkpoint"
        /// The first offsets of compacted partitions that were not cleaned yet.
        case cleaner = "cleaner-offset-checkpoint"
    }

    package struct Key: Hashable, Comparable, Sendable {
        package var topic: String
        package var partition: Int32

        package init(topic: String, partition: Int32) {
            self.topic = topic
            self.partition = partition
        }

        package static func < (a: Key, b: Key) -> Bool { (a.topic, a.partition) < (b.topic, b.partition) }
    }

    package var offsets: [Key: Offset] = [:]

    package init() {}

    package subscript(_ topic: String, _ partition: Int32) -> Offset? {
        get { offsets[Key(topic: topic, partition: partition)] }
        set { offsets[Key(topic: topic, partition: partition)] = newValue }
    }

    package var topics: Set<String> { Set(offsets.keys.map(\.topic)) }

    /// Lines in the order of their keys.
    package var text: [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(32 * offsets.count + 16)
        text += "0\n\(offsets.count)\n".utf8
        for (key, offset) in offsets.sorted(by: { $0.key < $1.key }) {
            text += "\(key.topic) \(key.partition) \(offset)\n".utf8
        }
        return text
    }

    /// The largest file that is read: a million partitions with names of ordinary length.
    package static let sizeLimit = 64 << 20

    /// Reads what ``text``, or Kafka, wrote. Nothing is allocated beyond the size of `text`.
    /// - Throws: a sentence that names the line.
    package init(text: [UInt8]) throws(RecordError) {
        let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard lines.count >= 3, lines[lines.count - 1].isEmpty else { throw .corrupt("it does not end with a line") }
        guard Self.integer(lines[0]) == 0 else { throw .corrupt("line 1: a version other than 0") }
        guard Self.integer(lines[1]) == Int64(lines.count - 3) else {
            throw .corrupt("line 2: not the number of the \(lines.count - 3) lines that follow")
        }
        offsets.reserveCapacity(lines.count - 3)
        for (number, line) in lines[2..<(lines.count - 1)].enumerated() {
            let fields = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            guard fields.count == 3, let partition = Self.integer(fields[1]).flatMap({ Int32(exactly: $0) }),
                partition >= 0, let offset = Self.integer(fields[2])
            else { throw .corrupt("line \(number + 3): not a topic, a partition and an offset") }
            let topic = String(decoding: fields[0], as: UTF8.self)
            guard Topic.objection(to: topic) == nil else { throw .corrupt("line \(number + 3): not a topic's name") }
            let old = offsets.updateValue(offset, forKey: Key(topic: topic, partition: partition))
            guard old == nil else { throw .corrupt("line \(number + 3): \(topic)-\(partition) a second time") }
        }
    }

    /// A whole number of 0 or more.
    private static func integer(_ digits: ArraySlice<UInt8>) -> Int64? {
        guard !digits.isEmpty else { return nil }
        var value: Int64 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(Int64(digit - UInt8(ascii: "0")))
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return value
    }
}

extension OffsetCheckpoint {
    /// What a reading of the file found.
    package enum Found: Sendable {
        case missing
        case whole(OffsetCheckpoint)
        /// It cannot be used; the sentence says why.
        case damaged(String)

        var offsets: OffsetCheckpoint {
            if case .whole(let checkpoint) = self { checkpoint } else { OffsetCheckpoint() }
        }
    }

    package static func read(_ name: Name, in directory: String, disk: Disk) throws(DiskError) -> Found {
        let path = "\(directory)/\(name.rawValue)"
        guard let bytes = try disk.readFile(path, limit: sizeLimit + 1) else { return .missing }
        guard bytes.count <= sizeLimit else { return .damaged("\(path): more than \(sizeLimit) bytes") }
        do throws(RecordError) { return .whole(try OffsetCheckpoint(text: bytes)) } catch {
            return .damaged("\(path): \(error)")
        }
    }

    /// Replaces the file, whose name is durable only once the directory is synced.
    func replace(_ name: Name, in directory: String, disk: Disk) throws(DiskError) {
        try disk.replaceFile("\(directory)/\(name.rawValue)", with: text)
    }
}

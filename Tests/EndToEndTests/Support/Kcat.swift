import Testing

/// A record as a consumer saw it.
struct Consumed: Equatable {
    var partition: Int
    var offset: Int64
    var key: [UInt8]?
    var value: [UInt8]
}

/// kcat: librdkafka's command line.
enum Kcat {
    /// Everything in a topic, read to the end of each partition, in the order of arrival.
    static func consume(
        _ topic: String, from address: String, partition: Int? = nil, options: [String] = []
    ) throws -> [Consumed] {
        let child = try Child(
            "kcat",
            ["-C", "-b", address, "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%p %o %K %S\\n%k%s\\n"]
                + (partition.map { ["-p", "\($0)"] } ?? []) + options)
        let ending = try child.end()
        #expect(ending == .exited(0), "\(child.tail)")
        return try parse(child.bytes(.output))
    }

    /// Produces `input` and waits for the answers.
    static func produce(_ arguments: [String], to address: String, input: [UInt8]) throws {
        let child = try Child("kcat", ["-P", "-b", address] + arguments, input: .bytes(input))
        #expect(try child.end() == .exited(0), "\(child.tail)")
    }

    /// `PARTITION OFFSET KEYLENGTH VALUELENGTH`, a newline, key and value, a newline; no key is length -1.
    static func parse(_ bytes: [UInt8]) throws -> [Consumed] {
        var records: [Consumed] = []
        var place = 0
        while place < bytes.count {
            guard let end = bytes[place...].firstIndex(of: 10) else { throw Trouble("kcat's output breaks off") }
            let numbers = bytes[place..<end].split(separator: 32).compactMap {
                Int(String(decoding: $0, as: UTF8.self))
            }
            guard numbers.count == 4 else {
                throw Trouble("not from kcat: \(String(decoding: bytes[place..<end], as: UTF8.self))")
            }
            let key = end + 1
            let value = key + max(0, numbers[2])
            let next = value + max(0, numbers[3])
            guard next < bytes.count, bytes[next] == 10 else { throw Trouble("kcat's output breaks off") }
            records.append(
                Consumed(
                    partition: numbers[0], offset: Int64(numbers[1]),
                    key: numbers[2] < 0 ? nil : Array(bytes[key..<value]),
                    value: Array(bytes[value..<next])))
            place = next + 1
        }
        return records
    }
}

/// Expects that `records` are `lines`: each once, keyed by its first field, in file order per key, offsets without gaps.
func expectExactly(
    _ lines: [[UInt8]], in records: [Consumed], keyed: Bool = true, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(records.count == lines.count, "lines in the topic", sourceLocation: sourceLocation)
    for (partition, records) in Dictionary(grouping: records, by: \.partition) {
        let gaps = zip(records, records.dropFirst()).filter { $1.offset != $0.offset + 1 }
        #expect(
            gaps.isEmpty && records.first?.offset == 0, "offsets of partition \(partition)",
            sourceLocation: sourceLocation)
    }
    guard keyed else {
        let values = Dictionary(grouping: records.map(\.value)) { $0 }.mapValues(\.count)
        let wanted = Dictionary(grouping: lines) { $0 }.mapValues(\.count)
        let same = values == wanted
        #expect(same, "each line once", sourceLocation: sourceLocation)
        return
    }
    let wanted = Dictionary(grouping: lines) { Lines.key(of: $0) }
    let got = Dictionary(grouping: records) { $0.key ?? [] }
    let different = Set(wanted.keys).union(got.keys).filter { (got[$0] ?? []).map(\.value) != wanted[$0] ?? [] }
    let names = different.map { String(decoding: $0, as: UTF8.self) }.sorted().prefix(5)
    #expect(
        different.isEmpty, "\(different.count) keys have other lines, or another order, among them \(names)",
        sourceLocation: sourceLocation)
    let scattered = got.filter { Set($0.value.map(\.partition)).count > 1 }
    #expect(scattered.isEmpty, "every key is in one partition", sourceLocation: sourceLocation)
}

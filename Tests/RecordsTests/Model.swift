import Records
import TestSupport

/// What cutting, keys and partitions mean, written as plainly as possible.
enum Model {
    struct Line: Equatable {
        var value: [UInt8]
        var isContinuation = false
    }

    /// - Parameter whole: whether the unterminated rest is a line as well.
    static func lines(_ bytes: [UInt8], maxLine: Int, whole: Bool) -> (lines: [Line], rest: [UInt8]) {
        var lines: [Line] = []
        var current: [UInt8] = []
        var isContinuation = false
        for byte in bytes {
            if byte == 0x0a {
                lines.append(Line(value: current, isContinuation: isContinuation))
                (current, isContinuation) = ([], false)
                continue
            }
            if current.count == maxLine {
                lines.append(Line(value: current, isContinuation: isContinuation))
                (current, isContinuation) = ([], true)
            }
            current.append(byte)
        }
        if whole && !current.isEmpty {
            lines.append(Line(value: current, isContinuation: isContinuation))
            current = []
        }
        return (lines, current)
    }

    /// awk's `$number`, or the `number`th part between separators.
    static func field(_ number: Int, _ separator: UInt8?, of line: [UInt8]) -> [UInt8]? {
        var line = line
        if line.last == 0x0d { line.removeLast() }
        if line.isEmpty { return nil }
        let parts =
            if let separator {
                line.split(separator: separator, omittingEmptySubsequences: false)
            } else {
                line.split(omittingEmptySubsequences: true) { $0 == 0x20 || $0 == 0x09 }
            }
        return parts.count >= number ? Array(parts[number - 1]) : nil
    }

    static func hash(_ key: [UInt8]) -> UInt32 { murmur2(key.rawSpan) }

    static func partition(_ key: [UInt8], _ count: Int) -> Int { Int(hash(key) & 0x7fff_ffff) % count }
}

extension Block {
    /// A block with these bytes.
    convenience init(_ bytes: some Collection<UInt8>, room: Int = 0) {
        self.init(capacity: max(1, bytes.count + room))
        append(bytes)
    }

    func append(_ bytes: some Collection<UInt8>) {
        _ = fill { free in
            free.copyBytes(from: bytes)
            return bytes.count
        }
    }

    func array(_ slice: Slice) -> [UInt8] {
        bytes.withUnsafeBytes { Array($0[Int(slice.start)..<Int(slice.start) + Int(slice.length)]) }
    }
}

extension EventBatch {
    func value(_ index: Int) -> [UInt8] { block.array(events[index].value) }
    func key(_ index: Int) -> [UInt8]? { events[index].key.isNone ? nil : block.array(events[index].key) }

    /// Lines as the model says them.
    var lines: [Model.Line] {
        events.indices.map { Model.Line(value: value($0), isContinuation: events[$0].flags == .continuation) }
    }
}

extension SeededGenerator {
    /// Bytes in which line ends, blanks and oddities are frequent.
    mutating func text(_ count: Int) -> [UInt8] {
        let alphabet = Array("\n\n\r\t  ,,abc\0".utf8) + [0xff, 0xc3]
        return bytes(count, from: alphabet)
    }
}

import CommitLog
import Platform
import Records

/// One block being filled with the reads of one or many files.
struct Turn {
    let block: Block
    var events: [Event] = []
    /// Files whose position moved, each once.
    private(set) var moved: [TailedFile] = []
    /// Lines that were cut at the longest line.
    private(set) var splits = 0
    /// A line did not fit into the whole block.
    private(set) var isStuck = false
    let timestamp: Int64
    let now: Instant
    private let maxLine: Int
    private let untilEnd: Bool
    /// No other file waits for its turn: this one may fill the block.
    var isAlone = false
    /// In the block: up to here the bytes of the file being read were handed on.
    private var cursor = 0

    /// Bytes of one read, and what one file may add to a block before the next has its turn.
    private static let share = 256 << 10

    init(block: Block, timestamp: Int64, now: Instant, maxLine: Int, untilEnd: Bool) {
        self.block = block
        self.timestamp = timestamp
        self.now = now
        self.maxLine = maxLine
        self.untilEnd = untilEnd
    }

    enum Outcome {
        /// Read to its end.
        case rest
        /// There is more, and others come first.
        case more
        /// The block has no room for the next line.
        case blockFull
        /// The file is shorter than what was read of it, or holds something else there.
        case replaced(cause: String, size: Int64)
    }

    /// Reads on in a file and cuts what is complete into events.
    mutating func read(_ file: TailedFile, from handle: any DiskFile) throws(DiskError) -> Outcome {
        // The bytes before the position are read again: they tell whether it is still the same content.
        let begin = block.count
        let overlap = file.fingerprint.tail.count
        var place = file.offset - Int64(overlap)
        guard block.room > overlap else { return .blockFull }
        cursor = begin + overlap
        var checked = false
        while true {
            let limit = min(block.room, checked ? Self.share : Self.share + overlap, leftUntilEnd(file, place))
            let count = try handle.read(into: block, limit: limit, at: place)
            place += Int64(count)
            if !checked {
                if let outcome = try replacement(file, handle, at: begin, overlap: overlap, count: count) {
                    return outcome
                }
                checked = true
            }
            cut(file)
            let size = count < limit ? try handle.status().size : .max
            if count == 0 || place >= size || leftUntilEnd(file, place) == 0 {
                file.knownSize = max(file.knownSize, place)
                file.hold(block.count - cursor, now: now)
                return .rest
            }
            if block.room == 0 { return full(file, begin: begin, overlap: overlap) }
            if !isAlone, block.count - begin >= Self.share, cursor > begin + overlap { return .more }
        }
    }

    /// With `untilEnd`: bytes that were there at the start behind `place`.
    private func leftUntilEnd(_ file: TailedFile, _ place: Int64) -> Int {
        guard untilEnd, let end = file.end else { return .max }
        return Int(max(0, end - place))
    }

    private func replacement(
        _ file: TailedFile, _ handle: any DiskFile, at begin: Int, overlap: Int, count: Int
    ) throws(DiskError) -> Outcome? {
        guard overlap > 0 else { return nil }
        guard count >= overlap else {
            return .replaced(cause: "cut to fewer bytes than were read of it", size: try handle.status().size)
        }
        guard file.fingerprint.tailMatches(block.bytes.extracting(begin..<(begin + overlap))) else {
            return .replaced(cause: "cut and written anew", size: try handle.status().size)
        }
        return nil
    }

    private mutating func full(_ file: TailedFile, begin: Int, overlap: Int) -> Outcome {
        if cursor > begin + overlap { return .more }
        if begin == 0 { isStuck = true }
        return .blockFull
    }

    /// Cuts the lines that are complete between the cursor and the end of the block.
    private mutating func cut(_ file: TailedFile) {
        skipEndOfHeldLine(file)
        let before = events.count
        var state = LineCutter.State(inLongLine: file.isMidLine)
        let end = LineCutter.cut(
            block, from: cursor, timestamp: timestamp, maxLine: maxLine, state: &state, events: &events)
        note(file, to: end, added: before, midLine: state.inLongLine)
    }

    /// A line that was handed on because it rested, or was cut just where it ends, may only lack its newline: then
    /// there is nothing more to hand on.
    private mutating func skipEndOfHeldLine(_ file: TailedFile) {
        guard file.isMidLine, cursor < block.count, block.bytes.byte(at: cursor) == 0x0A else { return }
        note(file, to: cursor + 1, added: events.count, midLine: false)
    }

    /// Hands on what is left of a line that rested too long, newline or not.
    mutating func finishLine(_ file: TailedFile, from handle: any DiskFile) throws(DiskError) -> Outcome {
        let outcome = try read(file, from: handle)
        guard case .rest = outcome, cursor < block.count else { return outcome }
        let before = events.count
        var state = LineCutter.State(inLongLine: file.isMidLine)
        let end = LineCutter.cutLast(
            block, from: cursor, timestamp: timestamp, maxLine: maxLine, state: &state, events: &events)
        note(file, to: end, added: before, midLine: true)
        file.hold(0, now: now)
        return outcome
    }

    /// The bytes up to `end` are handed on as the events from `before` on.
    private mutating func note(_ file: TailedFile, to end: Int, added before: Int, midLine: Bool) {
        guard end > cursor else { return }
        var lines = events.count - before
        if file.isMidLine || end - cursor > maxLine {
            let parts = events[before...].count { $0.flags.contains(.continuation) }
            lines -= parts
            splits += parts
        }
        file.advance(over: block.bytes.extracting(cursor..<end), lines: lines, midLine: midLine)
        if file.moved == 0 { moved.append(file) }
        file.moved += Int64(end - cursor)
        cursor = end
    }
}

extension RawSpan {
    func byte(at index: Int) -> UInt8 {
        precondition(index >= 0 && index < byteCount, "outside the block")
        // Safety: checked above.
        return unsafe unsafeLoad(fromUncheckedByteOffset: index, as: UInt8.self)
    }
}

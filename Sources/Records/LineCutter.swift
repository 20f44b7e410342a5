/// Cuts a block into lines: one event per line, without its `\n`.
///
/// A carriage return before it stays in the value, NUL and any other byte too: what is collected can be written out again
/// byte for byte. An empty line is an event with an empty value.
///
/// A line longer than `maxLine` becomes several events of at most `maxLine` bytes, each but the first flagged
/// ``Event/Flags/continuation``; a line of exactly `maxLine` bytes stays whole. For that the block must be able to hold
/// more than `maxLine` bytes: a source that keeps the unfinished rest of a line at the beginning of its next block always
/// makes progress then.
package enum LineCutter {
    /// The largest `maxLine`, in bytes.
    package static let longestLine = 1 << 29

    /// What must be remembered of a file from one block to the next.
    package struct State: Hashable, Sendable {
        /// The bytes to come belong to a line whose beginning was cut off already.
        package var inLongLine: Bool

        package init(inLongLine: Bool = false) { self.inLongLine = inLongLine }
    }

    /// Cuts the complete lines from byte `start` to the end of the block's bytes.
    /// - Parameter timestamp: of every event; milliseconds since 1970, UTC.
    /// - Parameter events: gets the events appended, which is the only thing that allocates.
    /// - Returns: the index after the last byte that is in an event (or is its `\n`): where an unfinished line begins.
    package static func cut(
        _ block: Block, from start: Int, timestamp: Int64, maxLine: Int, state: inout State, events: inout [Event]
    ) -> Int {
        precondition(maxLine > 0 && maxLine <= longestLine, "a longest line of \(maxLine) bytes")
        precondition(start >= 0 && start <= block.count, "cut from outside the block")
        let end = block.count
        var line = Line(start: start, timestamp: timestamp, flags: state.inLongLine ? .continuation : [])
        var position = start
        while position < end {
            // Safety: `position` is within the block, behind whose bytes the slack of a scan can be read.
            var newlines = unsafe ByteScan.matches(block.base + position, 0x0a)
            if end &- position < 64 { newlines &= (1 &<< UInt64(truncatingIfNeeded: end &- position)) &- 1 }
            while newlines != 0 {
                let newline = position &+ newlines.trailingZeroBitCount
                newlines &= newlines &- 1
                while newline &- line.start > maxLine { events.append(line.part(maxLine)) }
                events.append(line.rest(before: newline))
            }
            position &+= 64
        }
        while end &- line.start > maxLine { events.append(line.part(maxLine)) }
        state.inLongLine = line.flags == .continuation
        return line.start
    }

    /// As ``cut(_:from:timestamp:maxLine:state:events:)`` for whole lines from the beginning of a line on.
    package static func cut(
        _ block: Block, from start: Int, timestamp: Int64, maxLine: Int, events: inout [Event]
    ) -> Int {
        var state = State()
        return cut(block, from: start, timestamp: timestamp, maxLine: maxLine, state: &state, events: &events)
    }

    /// Cuts everything from byte `start` on; what is left without its `\n` is an event too: at the end of standard input,
    /// or of a file that was rotated away. Nothing is left of the state.
    /// - Returns: the count of the block.
    @discardableResult
    package static func cutLast(
        _ block: Block, from start: Int, timestamp: Int64, maxLine: Int, state: inout State, events: inout [Event]
    ) -> Int {
        let rest = cut(block, from: start, timestamp: timestamp, maxLine: maxLine, state: &state, events: &events)
        if rest < block.count {
            var line = Line(start: rest, timestamp: timestamp, flags: state.inLongLine ? .continuation : [])
            events.append(line.part(block.count - rest))
        }
        state = State()
        return block.count
    }

    /// The line that is being looked for.
    private struct Line {
        var start: Int
        let timestamp: Int64
        var flags: Event.Flags

        /// Its first `length` bytes, after which it goes on.
        @inline(__always)
        mutating func part(_ length: Int) -> Event {
            defer {
                start &+= length
                flags = .continuation
            }
            return event(length)
        }

        /// What is left of it before its newline, after which the next one begins.
        @inline(__always)
        mutating func rest(before newline: Int) -> Event {
            defer {
                start = newline &+ 1
                flags = []
            }
            return event(newline &- start)
        }

        @inline(__always)
        private func event(_ length: Int) -> Event {
            Event(
                value: Slice(start: UInt32(truncatingIfNeeded: start), length: UInt32(truncatingIfNeeded: length)),
                timestamp: timestamp, flags: flags)
        }
    }
}

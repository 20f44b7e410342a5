/// Takes the key of each event out of its value.
package enum KeyExtractor {
    /// Makes field `number` of each event its key.
    ///
    /// Without a separator as in awk: runs of blanks (space, tab) separate, leading ones are ignored, so no field is empty.
    /// With one, each occurrence of the byte separates, so fields may be empty: the key is then empty, not missing, and is
    /// hashed like any other. A carriage return at the end of the line belongs to the line end, not to the last field;
    /// an empty line has no fields.
    ///
    /// An event that has fewer fields goes without a key. The later parts of a split line get the key of its first part
    /// as far as that is in the same block, else none: ``Scatter`` then keeps them with the part before.
    /// - Parameter number: counted from 1.
    /// - Returns: how many events lack the field; later parts of lines are not counted.
    package static func field(_ number: Int, separator: UInt8? = nil, in batch: inout EventBatch) -> Int {
        precondition(number >= 1, "fields are counted from 1")
        let block = batch.block
        let end = UInt32(truncatingIfNeeded: block.count)
        var missing = 0
        // Safety: every slice is checked to lie within the block's filled bytes before it is read; the block outlives
        // the loop. The elements are this function's own meanwhile.
        unsafe batch.events.withUnsafeMutableBufferPointer { events in
            var before = Event(value: .none, timestamp: 0)
            for index in events.indices {
                var event = unsafe events[index]
                let value = event.value
                if event.flags.contains(.continuation) {
                    event.key = event.continues(before) ? before.key : .none
                } else if value.isNone {
                    event.key = .none
                } else {
                    precondition(value.start <= end && value.length <= end &- value.start, "an event outside its block")
                    let line = unsafe Line(block.base + Int(value.start), Int(value.length))
                    event.key = unsafe separator.map { unsafe line.part(number, $0) } ?? line.field(number)
                    if event.key.isNone { missing &+= 1 } else { event.key.start &+= value.start }
                }
                unsafe events[index] = event
                before = event
            }
            return
        }
        return missing
    }
}

extension Event {
    /// Whether this is the rest of a line whose beginning, in the same block, is `other`.
    @inline(__always)
    func continues(_ other: Event) -> Bool {
        flags.contains(.continuation) && !other.value.isNone
            && UInt64(other.value.start) &+ UInt64(other.value.length) == UInt64(value.start)
    }
}

/// The bytes of one line, looked at 64 at a time; bit i of a mask stands for byte i of such a chunk.
@unsafe
private struct Line {
    let bytes: UnsafeRawPointer
    /// Without the carriage return of its end.
    let count: Int

    @inline(__always)
    init(_ bytes: UnsafeMutableRawPointer, _ count: Int) {
        unsafe self.bytes = UnsafeRawPointer(bytes)
        // Safety: the index is that of the last byte.
        let endsInReturn = unsafe count > 0 && bytes.load(fromByteOffset: count &- 1, as: UInt8.self) == 0x0d
        unsafe self.count = endsInReturn ? count &- 1 : count
    }

    // Safety, in all that follows: a chunk begins within the line, and the block has the slack of a scan behind it.

    /// Field `number`, between runs of blanks; its start is counted from the line's.
    @inline(__always)
    func field(_ number: Int) -> Slice {
        var left = number
        var position = 0
        // Whether the byte before the chunk separates.
        var carry: UInt64 = 1
        while unsafe position < count {
            let blanks = unsafe blanks(position)
            var starts = ~blanks & (blanks &<< 1 | carry)
            while left > 1, starts != 0 {
                starts &= starts &- 1
                left &-= 1
            }
            if starts != 0 {
                let start = starts.trailingZeroBitCount
                let behind = blanks &>> UInt64(truncatingIfNeeded: start)
                if behind != 0 {
                    return Slice(position &+ start, position &+ start &+ behind.trailingZeroBitCount)
                }
                return unsafe Slice(position &+ start, firstBlank(position &+ 64))
            }
            carry = blanks &>> 63
            position &+= 64
        }
        return .none
    }

    /// What stands before the `number`th separator and after the one before it.
    @inline(__always)
    func part(_ number: Int, _ separator: UInt8) -> Slice {
        guard unsafe count > 0 else { return .none }
        var left = number
        var start = 0
        var position = 0
        while unsafe position < count {
            var separators = unsafe within(position) & ByteScan.matches(bytes + position, separator)
            while separators != 0 {
                let found = position &+ separators.trailingZeroBitCount
                separators &= separators &- 1
                left &-= 1
                if left == 0 { return Slice(start, found) }
                start = found &+ 1
            }
            position &+= 64
        }
        return unsafe left == 1 ? Slice(start, count) : .none
    }

    private func firstBlank(_ from: Int) -> Int {
        var position = from
        while unsafe position < count {
            let blanks = unsafe blanks(position)
            if blanks != 0 { return position &+ blanks.trailingZeroBitCount }
            position &+= 64
        }
        return unsafe count
    }

    /// The blanks of a chunk; what is behind the line counts as one.
    @inline(__always)
    private func blanks(_ position: Int) -> UInt64 {
        unsafe ByteScan.matches(bytes + position, 0x20) | ByteScan.matches(bytes + position, 0x09) | ~within(position)
    }

    /// The bytes of a chunk that are in the line.
    @inline(__always)
    private func within(_ position: Int) -> UInt64 {
        let left = unsafe count &- position
        return left >= 64 ? .max : (1 &<< UInt64(truncatingIfNeeded: left)) &- 1
    }
}

extension Slice {
    @inline(__always)
    fileprivate init(_ start: Int, _ end: Int) {
        self.init(start: UInt32(truncatingIfNeeded: start), length: UInt32(truncatingIfNeeded: end &- start))
    }
}

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
    /// as far as that is in the same batch, else none: ``Scatter`` then keeps them with the part before.
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
            let bytes = unsafe UnsafePointer(block.base.assumingMemoryBound(to: UInt8.self))
            var previous = Slice.none
            for index in events.indices {
                let value = unsafe events[index].value
                let isContinuation = unsafe events[index].flags.contains(.continuation)
                if isContinuation || value.isNone {
                    unsafe events[index].key = isContinuation ? previous : .none
                    continue
                }
                precondition(value.start <= end && value.length <= end &- value.start, "an event outside its block")
                let line = unsafe UnsafeBufferPointer(start: bytes + Int(value.start), count: Int(value.length))
                var key = unsafe separator.map { unsafe split(line, number, $0) } ?? blanks(line, number)
                if key.isNone { missing &+= 1 } else { key.start &+= value.start }
                unsafe events[index].key = key
                previous = key
            }
            return
        }
        return missing
    }

    @inline(__always)
    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    /// The line without the carriage return at its end.
    @inline(__always)
    private static func length(_ line: UnsafeBufferPointer<UInt8>) -> Int {
        // Safety: the index is that of the last element.
        if line.count > 0, unsafe line[line.count &- 1] == 0x0d { return line.count &- 1 }
        return line.count
    }

    // Safety, in both: `position < end ≤ count` before each read.

    @inline(__always)
    private static func blanks(_ line: UnsafeBufferPointer<UInt8>, _ number: Int) -> Slice {
        let end = unsafe length(line)
        var position = 0
        var left = number
        while true {
            while position < end, unsafe isBlank(line[position]) { position &+= 1 }
            guard position < end else { return .none }
            let start = position
            while position < end, unsafe !isBlank(line[position]) { position &+= 1 }
            left &-= 1
            if left == 0 { return slice(start, position) }
        }
    }

    @inline(__always)
    private static func split(_ line: UnsafeBufferPointer<UInt8>, _ number: Int, _ separator: UInt8) -> Slice {
        let end = unsafe length(line)
        guard end > 0 else { return .none }
        var position = 0
        var start = 0
        var left = number
        while position < end {
            if unsafe line[position] == separator {
                left &-= 1
                if left == 0 { return slice(start, position) }
                start = position &+ 1
            }
            position &+= 1
        }
        return left == 1 ? slice(start, end) : .none
    }

    @inline(__always)
    private static func slice(_ start: Int, _ end: Int) -> Slice {
        Slice(start: UInt32(truncatingIfNeeded: start), length: UInt32(truncatingIfNeeded: end &- start))
    }
}

extension EventBatch {
    /// Adds each event's value and a newline to `output`. The parts of a split line become lines of their own.
    package func appendLines(to output: inout [UInt8]) {
        let end = block.count
        output.reserveCapacity(output.count + end)
        for event in events where !event.value.isNone {
            let start = Int(event.value.start)
            let length = Int(event.value.length)
            precondition(start + length <= end, "an event outside its block")
            // Safety: checked above; the block outlives the loop.
            unsafe output.append(contentsOf: UnsafeRawBufferPointer(start: block.base + start, count: length))
            output.append(0x0A)
        }
    }
}

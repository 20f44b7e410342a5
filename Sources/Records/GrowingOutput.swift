/// Where a decompressor writes: grows as bytes really come out, up to a limit.
struct GrowingOutput {
    private var bytes: [UInt8]
    private var count = 0
    private let limit: Int

    /// - Parameter expecting: a guess at what comes out; more than 64 KiB of it is not believed at once.
    init(limit: Int, expecting guess: Int) {
        self.limit = limit
        bytes = Array(repeating: 0, count: max(1, min(limit, max(256, min(guess, 1 << 16)))))
    }

    /// Lends free room of at least one byte to `body`, which returns how many bytes it filled and whatever else it knows.
    /// - Throws: `tooLarge` when the limit is reached and a further byte comes.
    mutating func extend<Result>(
        _ body: (UnsafeMutableRawBufferPointer) -> (produced: Int, result: Result)
    ) throws(RecordError) -> (produced: Int, result: Result) {
        if count == bytes.count {
            // One byte more than the limit tells a stream that ends there from one that goes on.
            let larger = min(limit + 1, bytes.count * 2)
            bytes += [UInt8](repeating: 0, count: larger - bytes.count)
        }
        let start = count
        // Safety: the room lies within the array, which nobody else touches meanwhile.
        let step = unsafe bytes.withUnsafeMutableBytes { all in
            unsafe body(UnsafeMutableRawBufferPointer(rebasing: all[start...]))
        }
        precondition(step.produced >= 0 && step.produced <= bytes.count - count, "produced more than was lent")
        count += step.produced
        guard count <= limit else { throw .tooLarge(size: count, limit: limit) }
        return step
    }

    consuming func finish() -> [UInt8] {
        bytes.removeLast(bytes.count - count)
        return bytes
    }
}

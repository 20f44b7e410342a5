/// An owned piece of memory for encoded bytes. It goes back to its pool when the last reference to what it holds is gone.
@safe
final class Buffer: @unchecked Sendable {  // one owner writes; once it is an ``EncodedBatch`` its rules hold
    let capacity: Int
    let base: UnsafeMutableRawPointer

    init(capacity: Int) {
        self.capacity = capacity
        // Records are copied in whole words: a few bytes behind the buffer's own may be written.
        // Safety: freed in `deinit` only; alignment suits any load.
        unsafe base = .allocate(byteCount: capacity + ByteScan.slack, alignment: 64)
    }

    deinit {
        // Safety: allocated in `init`.
        unsafe base.deallocate()
    }

    /// A copy of `bytes`.
    convenience init(copying bytes: RawSpan) {
        self.init(capacity: max(1, bytes.byteCount))
        // Safety: `capacity` is at least the count, and the two do not overlap: this one is new.
        unsafe bytes.withUnsafeBytes { source in
            unsafe UnsafeMutableRawBufferPointer(start: base, count: capacity).copyMemory(from: source)
        }
    }

    /// Stores a big-endian integer at `position`, which the caller keeps in bounds.
    func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, at position: Int) {
        precondition(position >= 0 && position + MemoryLayout<Value>.size <= capacity, "store outside the buffer")
        // Safety: checked above.
        unsafe base.storeBytes(of: value.bigEndian, toByteOffset: position, as: Value.self)
    }

    /// The first `count` bytes, which the caller has filled.
    @_lifetime(borrow self)
    func span(_ range: Range<Int>) -> RawSpan {
        precondition(range.lowerBound >= 0 && range.upperBound <= capacity, "span outside the buffer")
        // Safety: in bounds, and alive as long as `self`.
        let span = unsafe RawSpan(_unsafeStart: base + range.lowerBound, byteCount: range.count)
        return unsafe _overrideLifetime(span, borrowing: self)
    }
}

/// One owned allocation that a source fills and everything after it only reads.
///
/// A block has one owner while it is filled (the source); once it is part of an ``EventBatch`` nobody writes to it until
/// the last reference is gone and a ``BlockPool`` hands it out again.
@safe
package final class Block: @unchecked Sendable {  // filled by one owner, read-only once shared: see above
    package let capacity: Int
    /// Bytes filled, from the beginning.
    package private(set) var count = 0
    let base: UnsafeMutableRawPointer

    /// - Parameter capacity: at most 2 GiB, so that a ``Slice`` can say every range of it.
    package init(capacity: Int) {
        precondition(capacity >= 0 && capacity <= Int32.max, "a block of \(capacity) bytes")
        self.capacity = capacity
        // Loops over lines look at whole words: a few bytes behind the block's own can be read, whatever is in them.
        // Safety: freed in `deinit` only; alignment suits any load.
        unsafe base = .allocate(byteCount: capacity + ByteScan.slack, alignment: 64)
    }

    deinit {
        // Safety: allocated in `init`.
        unsafe base.deallocate()
    }

    /// Bytes that can still be added.
    package var room: Int { capacity - count }

    /// The bytes filled so far.
    package var bytes: RawSpan {
        @_lifetime(borrow self)
        borrowing get {
            // Safety: `count` bytes from `base` are initialised, and live as long as `self`.
            let span = unsafe RawSpan(_unsafeStart: base, byteCount: count)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Lends the free end of the block.
    /// - Parameter body: gets at most `limit` uninitialised bytes, returns how many it filled from their beginning.
    /// - Returns: what `body` returned.
    package func fill<Failure: Error>(
        limit: Int = .max, _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) -> Int {
        // Safety: `count ≤ capacity`, so the region lies within the allocation.
        let free = unsafe UnsafeMutableRawBufferPointer(start: base + count, count: max(0, min(limit, room)))
        let filled = try unsafe body(free)
        precondition(filled >= 0 && filled <= free.count, "filled more than was lent")
        count += filled
        return filled
    }

    /// Forgets all bytes. Only the sole owner may call it.
    package func reset() { count = 0 }
}

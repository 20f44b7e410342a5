/// Cuts the bytes of a connection into frames: an i32 size, then that many bytes.
///
/// Memory grows as bytes arrive, never because a size announces them.
package struct FrameDecoder {
    /// Kafka's `socket.request.max.bytes`.
    package static let defaultLimit = 100 << 20

    /// The largest frame taken, in bytes without its size.
    package let limit: Int
    /// Everything fed and not yet returned begins at `start`.
    private var buffer: [UInt8] = []
    private var start = 0

    package init(limit: Int = FrameDecoder.defaultLimit) { self.limit = limit }

    /// Bytes held: of the frame that is arriving, and of frames not yet asked for.
    package var buffered: Int { buffer.count - start }

    package mutating func feed(_ bytes: some Sequence<UInt8>) { buffer.append(contentsOf: bytes) }

    package mutating func feed(_ bytes: RawSpan) {
        bytes.withUnsafeBytes { buffer.append(contentsOf: $0) }
    }

    /// The next whole frame without its size; nil until it has arrived.
    /// - Throws: ``WireError/frameSize(_:limit:)``, and again at every further call: the connection is of no more use.
    package mutating func next() throws(WireError) -> ArraySlice<UInt8>? {
        guard buffered >= 4 else { return nil }
        let size = Int(buffer[start..<start + 4].reduce(Int32(0)) { $0 << 8 | Int32($1) })
        guard size >= 0, size <= limit else { throw .frameSize(size, limit: limit) }
        guard buffered - 4 >= size else { return nil }
        let end = start + 4 + size
        defer { discard(to: end) }
        // A frame that has the buffer to itself, as large ones mostly have, takes it along; others are copied.
        return start == 0 && end == buffer.count ? buffer[4..<end] : ArraySlice(Array(buffer[start + 4..<end]))
    }

    private mutating func discard(to end: Int) {
        if end == buffer.count {
            buffer = []
            start = 0
        } else {
            start = end
            compact()
        }
    }

    /// Moves the rest to the front once it is the smaller part, so that each byte is moved once on average.
    private mutating func compact() {
        guard start > buffer.count / 2 else { return }
        buffer.removeFirst(start)
        start = 0
    }
}

import CLinux

/// One partition's open batch, as plain memory: no reference, so that the loop over events touches none.
@unsafe
struct Lane {
    /// A record's own fields at most: length, attributes, two deltas, two lengths.
    static let largestOverhead = 5 + 1 + 10 + 5 + 5 + 5

    private var base: UnsafeMutableRawPointer?
    /// Bytes used, the header's room included.
    private(set) var end = BatchHeader.size
    /// What `end` may reach.
    private var limit = 0
    /// What `end` may reach with the first record: a large one has the batch for itself.
    private var capacity = 0
    private(set) var records = 0
    private(set) var baseTimestamp: Int64 = 0
    private(set) var maxTimestamp: Int64 = 0

    init() { unsafe base = nil }

    /// - Parameter base: `capacity` bytes, at least `limit`, that live as long as the lane is used.
    init(base: UnsafeMutableRawPointer, limit: Int, capacity: Int) {
        unsafe self.base = unsafe base
        unsafe self.limit = limit
        unsafe self.capacity = capacity
    }

    /// Encodes one event as the next record; see ``RecordFields`` for the layout.
    /// - Parameter event: slices within `block`.
    /// - Parameter headers: the encoded header count and headers.
    /// - Returns: the bytes written, 0 if there is no room.
    @inline(__always)
    mutating func append(
        _ event: Event, _ block: UnsafeMutableRawPointer, headers: UnsafeRawPointer, _ headerBytes: Int
    ) -> Int {
        let baseTime = unsafe records == 0 ? event.timestamp : baseTimestamp
        let numbers = Numbers(
            time: Varint.zigzag(event.timestamp &- baseTime), offset: unsafe UInt64(truncatingIfNeeded: records) &<< 1,
            key: Varint.zigzag(event.key.count), value: Varint.zigzag(event.value.count))
        let bytes = Int(max(0, event.key.count)) &+ Int(max(0, event.value.count)) &+ headerBytes
        // A record of less than 8 KiB: every number is a varint of one or two bytes, written without a branch.
        let isSmall = numbers.areSmall && bytes < 8000
        let body = 1 &+ (isSmall ? numbers.smallSize : numbers.size) &+ bytes
        let bodyLength = UInt64(truncatingIfNeeded: body) &<< 1
        let total = body &+ (isSmall ? Varint.smallSize(bodyLength) : Varint.size(bodyLength))
        guard let start = unsafe room(for: total) else { return 0 }

        // Safety: `total` bytes are written from `start`, where `room` has seen that there is space; what is written
        // beyond falls into the slack that block, headers and buffer have behind them.
        var next = unsafe start
        if isSmall {
            unsafe Varint.putSmall(bodyLength, at: &next)
            unsafe next.storeBytes(of: 0, as: UInt8.self)
            unsafe next += 1
            unsafe Varint.putSmall(numbers.time, at: &next)
            unsafe Varint.putSmall(numbers.offset, at: &next)
            unsafe Varint.putSmall(numbers.key, at: &next)
            unsafe Self.copy(event.key, of: block, to: &next)
            unsafe Varint.putSmall(numbers.value, at: &next)
        } else {
            unsafe Varint.put(bodyLength, at: &next)
            unsafe next.storeBytes(of: 0, as: UInt8.self)
            unsafe next += 1
            unsafe Varint.put(numbers.time, at: &next)
            unsafe Varint.put(numbers.offset, at: &next)
            unsafe Varint.put(numbers.key, at: &next)
            unsafe Self.copy(event.key, of: block, to: &next)
            unsafe Varint.put(numbers.value, at: &next)
        }
        unsafe Self.copy(event.value, of: block, to: &next)
        unsafe penstock_copy_over(next, headers, UInt64(headerBytes))
        unsafe added(total, event.timestamp, base: baseTime)
        return total
    }

    /// Where the next record goes, or nil if it has no room there.
    @inline(__always)
    private func room(for total: Int) -> UnsafeMutableRawPointer? {
        // Safety: `end ≤ capacity`, which the memory at `base` has.
        guard unsafe total <= (records == 0 ? capacity : limit) &- end, let base = unsafe base else { return nil }
        return unsafe base + end
    }

    @inline(__always)
    private mutating func added(_ total: Int, _ timestamp: Int64, base: Int64) {
        unsafe end &+= total
        unsafe maxTimestamp = unsafe records == 0 ? timestamp : max(maxTimestamp, timestamp)
        unsafe baseTimestamp = base
        unsafe records &+= 1
    }

    @inline(__always)
    private static func copy(_ slice: Slice, of block: UnsafeMutableRawPointer, to next: inout UnsafeMutableRawPointer)
    {
        let count = Int(max(0, slice.count))
        // Safety: the slice lies in the block, and the caller has room for it.
        unsafe penstock_copy_over(next, block + Int(slice.start), UInt64(count))
        unsafe next += count
    }

    /// The varints of a record, but for its length, as they are written.
    private struct Numbers {
        var time: UInt64
        var offset: UInt64
        var key: UInt64
        var value: UInt64

        @inline(__always) var areSmall: Bool { (time | offset | key | value) < 0x4000 }

        @inline(__always) var size: Int {
            Varint.size(time) &+ Varint.size(offset) &+ Varint.size(key) &+ Varint.size(value)
        }

        @inline(__always) var smallSize: Int {
            Varint.smallSize(time) &+ Varint.smallSize(offset) &+ Varint.smallSize(key) &+ Varint.smallSize(value)
        }
    }
}

extension Slice {
    /// The length as Kafka writes it: -1 for none. (A block, and so a slice, has at most 31 bits of length.)
    @inline(__always)
    fileprivate var count: Int64 { Int64(Int32(bitPattern: length)) }
}

import Glibc

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
    /// - Parameter headers: the encoded header count and headers; not empty.
    /// - Returns: the bytes written, 0 if there is no room.
    @inline(__always)
    mutating func append(
        _ event: Event, _ block: UnsafeMutableRawPointer, headers: UnsafeRawBufferPointer
    ) -> Int {
        // Safety: everything below writes `total` bytes from `end`, which the guard keeps within `capacity`.
        guard let base = unsafe base, let tail = headers.baseAddress else { return 0 }
        let baseTime = unsafe records == 0 ? event.timestamp : baseTimestamp
        let time = Varint.zigzag(event.timestamp &- baseTime)
        let offset = unsafe Varint.zigzag(Int64(records))
        let keyCount = event.key.isNone ? 0 : Int(event.key.length)
        let keyLength = event.key.isNone ? 1 : UInt64(event.key.length) &<< 1
        let valueCount = event.value.isNone ? 0 : Int(event.value.length)
        let valueLength = event.value.isNone ? 1 : UInt64(event.value.length) &<< 1
        let numbers = Varint.size(time) &+ Varint.size(offset) &+ Varint.size(keyLength) &+ Varint.size(valueLength)
        let body = 1 &+ numbers &+ keyCount &+ valueCount &+ headers.count
        let bodyLength = UInt64(truncatingIfNeeded: body) &<< 1
        let total = body &+ Varint.size(bodyLength)
        guard unsafe total <= (records == 0 ? capacity : limit) &- end else { return 0 }

        var next = unsafe base + end
        unsafe Varint.put(bodyLength, at: &next)
        unsafe next.storeBytes(of: 0, as: UInt8.self)
        unsafe next += 1
        unsafe Varint.put(time, at: &next)
        unsafe Varint.put(offset, at: &next)
        unsafe Varint.put(keyLength, at: &next)
        unsafe memcpy(next, block + Int(event.key.isNone ? 0 : event.key.start), keyCount)
        unsafe next += keyCount
        unsafe Varint.put(valueLength, at: &next)
        unsafe memcpy(next, block + Int(event.value.isNone ? 0 : event.value.start), valueCount)
        unsafe next += valueCount
        unsafe memcpy(next, tail, headers.count)

        unsafe end &+= total
        unsafe maxTimestamp = unsafe records == 0 ? event.timestamp : max(maxTimestamp, event.timestamp)
        unsafe baseTimestamp = baseTime
        unsafe records &+= 1
        return total
    }
}

/// Zigzag varints on raw memory.
enum Varint {
    @inline(__always)
    static func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: value &<< 1 ^ value &>> 63) }

    /// Bytes that `put` writes: one for each seven bits.
    @inline(__always)
    static func size(_ value: UInt64) -> Int {
        let bits = 64 &- (value | 1).leadingZeroBitCount
        return (bits &* 9 &+ 64) &>> 6
    }

    /// Writes at `next`, where ``size(_:)`` bytes are the caller's, and moves it behind them.
    @inline(__always)
    static func put(_ value: UInt64, at next: inout UnsafeMutableRawPointer) {
        var rest = value
        // Safety: one byte for each seven bits is written, which the caller has made room for.
        while rest >= 0x80 {
            unsafe next.storeBytes(of: UInt8(truncatingIfNeeded: rest) | 0x80, as: UInt8.self)
            unsafe next += 1
            rest &>>= 7
        }
        unsafe next.storeBytes(of: UInt8(truncatingIfNeeded: rest), as: UInt8.self)
        unsafe next += 1
    }
}

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
        // Safety: everything below writes `total` bytes from `end`, which the guard keeps within `capacity`, and what
        // copies write beyond falls into the slack that block, headers and buffer have behind them.
        let isFirst = unsafe records == 0
        let baseTime = unsafe isFirst ? event.timestamp : baseTimestamp
        let time = Varint.zigzag(event.timestamp &- baseTime)
        let offset = unsafe UInt64(truncatingIfNeeded: records) &<< 1
        let key = event.key.count
        let keyLength = Varint.zigzag(key)
        let value = event.value.count
        let valueLength = Varint.zigzag(value)
        let keyCount = Int(max(0, key))
        let valueCount = Int(max(0, value))
        let numbers = Varint.size(time) &+ Varint.size(offset) &+ Varint.size(keyLength) &+ Varint.size(valueLength)
        let body = 1 &+ numbers &+ keyCount &+ valueCount &+ headerBytes
        let bodyLength = UInt64(truncatingIfNeeded: body) &<< 1
        let total = body &+ Varint.size(bodyLength)
        guard unsafe total <= (isFirst ? capacity : limit) &- end, let base = unsafe base else { return 0 }

        var next = unsafe base + end
        unsafe Varint.put(bodyLength, at: &next)
        unsafe next.storeBytes(of: 0, as: UInt8.self)
        unsafe next += 1
        unsafe Varint.put(time, at: &next)
        unsafe Varint.put(offset, at: &next)
        unsafe Varint.put(keyLength, at: &next)
        unsafe penstock_copy_over(next, block + Int(event.key.start), UInt64(keyCount))
        unsafe next += keyCount
        unsafe Varint.put(valueLength, at: &next)
        unsafe penstock_copy_over(next, block + Int(event.value.start), UInt64(valueCount))
        unsafe next += valueCount
        if headerBytes == 1 {
            unsafe next.storeBytes(of: headers.load(as: UInt8.self), as: UInt8.self)
        } else {
            unsafe penstock_copy_over(next, headers, UInt64(headerBytes))
        }

        unsafe end &+= total
        unsafe maxTimestamp = unsafe isFirst ? event.timestamp : max(maxTimestamp, event.timestamp)
        unsafe baseTimestamp = baseTime
        unsafe records &+= 1
        return total
    }
}

extension Slice {
    /// The length as Kafka writes it: -1 for none. (A block, and so a slice, has at most 31 bits of length.)
    @inline(__always)
    fileprivate var count: Int64 { Int64(Int32(bitPattern: length)) }
}

/// Zigzag varints on raw memory.
enum Varint {
    @inline(__always)
    static func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: value &<< 1 ^ value &>> 63) }

    /// Bytes that `put` writes: one for each seven bits.
    @inline(__always)
    static func size(_ value: UInt64) -> Int { value < 0x80 ? 1 : value < 0x4000 ? 2 : largeSize(value) }

    @inline(never)
    private static func largeSize(_ value: UInt64) -> Int { (64 &- value.leadingZeroBitCount &+ 6) / 7 }

    /// Writes at `next`, where ``size(_:)`` bytes are the caller's, and moves it behind them.
    @inline(__always)
    static func put(_ value: UInt64, at next: inout UnsafeMutableRawPointer) {
        // Safety: one byte for each seven bits is written, which the caller has made room for.
        if value < 0x80 {
            unsafe next.storeBytes(of: UInt8(truncatingIfNeeded: value), as: UInt8.self)
            unsafe next += 1
        } else if value < 0x4000 {
            let both = UInt16(truncatingIfNeeded: value & 0x7f | 0x80 | (value &<< 1) & 0x7f00)
            unsafe next.storeBytes(of: both.littleEndian, as: UInt16.self)
            unsafe next += 2
        } else {
            unsafe next = putLarge(value, at: next)
        }
    }

    @inline(never)
    private static func putLarge(_ value: UInt64, at start: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        var rest = value
        var next = unsafe start
        // Safety: as in ``put(_:at:)``.
        while rest >= 0x80 {
            unsafe next.storeBytes(of: UInt8(truncatingIfNeeded: rest) | 0x80, as: UInt8.self)
            unsafe next += 1
            rest &>>= 7
        }
        unsafe next.storeBytes(of: UInt8(truncatingIfNeeded: rest), as: UInt8.self)
        return unsafe next + 1
    }
}

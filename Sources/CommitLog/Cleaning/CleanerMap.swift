import Glibc
import Records

/// Key → the last offset it was found at: what the first pass of a cleaning fills, in memory of a fixed size.
///
/// The keys themselves are kept, not digests of them, so that two keys are never taken for one: that would drop a record
/// without a word. (Kafka keeps 16 bytes of MD5 for each.) When the map is full it takes no new key, and the cleaning does
/// with what it has; a later one does the rest.
///
/// ```
/// keys, from the front, from 8 on: size 8, the last offset; size 4, length; the bytes
/// slots, a power of two, up to the end, linear probing:
///   offset 0, size 4, where the key stands among the keys; 0: the slot is free
///   offset 4, size 4, half of the key's hash
/// ```
/// The slots double when three quarters are taken, as long as there is room between them and the keys; then they are
/// filled to seven eighths. So all of the memory is used, whatever the keys' lengths: a key of 20 bytes takes some 45
/// bytes in all, one of 60 some 85.
@safe
final class CleanerMap {
    private static let slotSize = 8
    /// Before a key: its offset and its length.
    private static let headSize = 12

    private let room: UnsafeMutableRawPointer
    private let size: Int
    private var slotCount: Int
    private var nextKey = 8
    private(set) var count = 0

    /// - Parameter bytes: of all memory it ever takes; at least 4 KiB, at most 4 GiB. A page counts once it is used.
    init(bytes: Int) throws(DiskError) {
        // Whole slots, up to the last byte.
        size = min(max(bytes, 4 << 10), 4 << 30) & ~(Self.slotSize - 1)
        slotCount = 1 << (Int.bitWidth - 1 - (size / 32 / Self.slotSize).leadingZeroBitCount)
        // Safety: a fresh mapping of zeroes; MAP_FAILED is checked below. Unmapped in `deinit`.
        let room = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let room = unsafe room, unsafe room != MAP_FAILED else {
            throw DiskError(operation: "get \(bytes) bytes of", path: "memory for compaction", code: errno)
        }
        unsafe self.room = room
    }

    deinit {
        // Safety: mapped in `init`, in one piece.
        unsafe munmap(room, size)
    }

    /// The longest key that it ever takes.
    var keyLimit: Int { size / 4 }

    /// Where the slots begin, and the room for keys ends.
    private var slots: Int { size - slotCount * Self.slotSize }

    /// Notes that a key stands at an offset, beyond those before.
    /// - Returns: false if the key is new and there is no room for it.
    func put(_ key: RawSpan, _ offset: Offset) -> Bool {
        let hash = Self.hash(key)
        var slot = find(key, hash)
        if reference(at: slot) == 0 {
            guard key.byteCount <= keyLimit else { return false }
            if (count + 1) * 4 > slotCount * 3, double() { slot = find(key, hash) }
            guard (count + 1) * 8 <= slotCount * 7, Self.headSize + key.byteCount <= slots - nextKey else {
                return false
            }
            store(key, hash, at: slot)
        }
        // Safety: a reference is where ``store(_:_:at:)`` put a head, within the keys.
        unsafe room.storeBytes(of: offset, toByteOffset: Int(reference(at: slot)), as: Offset.self)
        return true
    }

    /// Where a key was found last, nil if it was not.
    func offset(of key: RawSpan) -> Offset? {
        let reference = reference(at: find(key, Self.hash(key)))
        guard reference != 0 else { return nil }
        // Safety: as in ``put(_:_:)``.
        return unsafe room.loadUnaligned(fromByteOffset: Int(reference), as: Offset.self)
    }

    /// Makes twice as many slots, if there is room, and lets every key find its place again.
    /// - Returns: whether there was.
    private func double() -> Bool {
        guard slots - slotCount * Self.slotSize >= nextKey else { return false }
        slotCount *= 2
        // Safety: the line before the last keeps the slots behind the keys, up to the end of the mapping.
        unsafe memset(room + slots, 0, slotCount * Self.slotSize)
        var place = 8
        while place < nextKey {
            let length = length(at: place)
            // Safety: as many bytes were stored behind the head.
            let bytes = unsafe UnsafeRawBufferPointer(start: room + place + Self.headSize, count: length)
            let hash = unsafe Self.hash(bytes)
            // All keys differ, so none need be compared.
            var slot = Int(truncatingIfNeeded: hash & UInt64(slotCount - 1))
            while reference(at: slot) != 0 { slot = (slot + 1) & (slotCount - 1) }
            refer(to: place, hash, at: slot)
            place += Self.headSize + length
        }
        return true
    }

    /// The slot of a key, or the free one where it would be. There always is a free one.
    private func find(_ key: RawSpan, _ hash: UInt64) -> Int {
        let mark = UInt32(truncatingIfNeeded: hash >> 32)
        var slot = Int(truncatingIfNeeded: hash & UInt64(slotCount - 1))
        while true {
            let reference = reference(at: slot)
            if reference == 0 { return slot }
            // Safety: `slot` is below `slotCount`.
            let stored = unsafe room.load(fromByteOffset: slots + slot * Self.slotSize + 4, as: UInt32.self)
            if stored == mark && isSame(key, at: Int(reference)) { return slot }
            slot = (slot + 1) & (slotCount - 1)
        }
    }

    private func reference(at slot: Int) -> UInt32 {
        // Safety: callers keep `slot` below `slotCount`.
        unsafe room.load(fromByteOffset: slots + slot * Self.slotSize, as: UInt32.self)
    }

    private func refer(to place: Int, _ hash: UInt64, at slot: Int) {
        let start = slots + slot * Self.slotSize
        // Safety: callers keep `slot` below `slotCount`.
        unsafe room.storeBytes(of: UInt32(place), toByteOffset: start, as: UInt32.self)
        unsafe room.storeBytes(of: UInt32(truncatingIfNeeded: hash >> 32), toByteOffset: start + 4, as: UInt32.self)
    }

    private func length(at place: Int) -> Int {
        // Safety: callers got `place` from a slot or from the walk over all keys: a head stands there.
        Int(unsafe room.loadUnaligned(fromByteOffset: place + 8, as: UInt32.self))
    }

    private func isSame(_ key: RawSpan, at place: Int) -> Bool {
        guard length(at: place) == key.byteCount else { return false }
        return unsafe key.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return true }
            // Safety: as many bytes were stored behind the head.
            return unsafe memcmp(base, room + place + Self.headSize, bytes.count) == 0
        }
    }

    /// Adds a key for which the caller has found room.
    private func store(_ key: RawSpan, _ hash: UInt64, at slot: Int) {
        precondition(nextKey + Self.headSize + key.byteCount <= slots, "no room for the key")
        // Safety: the line above.
        unsafe room.storeBytes(of: UInt32(key.byteCount), toByteOffset: nextKey + 8, as: UInt32.self)
        unsafe key.withUnsafeBytes { bytes in
            if let base = bytes.baseAddress {
                unsafe (room + nextKey + Self.headSize).copyMemory(from: base, byteCount: bytes.count)
            }
        }
        refer(to: nextKey, hash, at: slot)
        nextKey += Self.headSize + key.byteCount
        count += 1
    }

    private static func hash(_ key: RawSpan) -> UInt64 {
        // Safety: the bytes are read before the pointer ends.
        unsafe key.withUnsafeBytes { unsafe hash($0) }
    }

    /// Swift's own keyed hash, whose key is another in each process: nobody outside can choose keys that crowd one place.
    private static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hasher = Hasher()
        unsafe hasher.combine(bytes: bytes)
        return UInt64(truncatingIfNeeded: hasher.finalize())
    }
}

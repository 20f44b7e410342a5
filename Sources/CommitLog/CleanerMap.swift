import Glibc
import Records

/// Key → the last offset it was found at: what the first pass of a cleaning fills, in memory of a fixed size.
///
/// The keys themselves are kept, not digests of them, so that two keys are never taken for one: that would drop a record
/// without a word. (Kafka keeps 16 bytes of MD5 for each; keys up to some 20 bytes cost no more here.) When the map is
/// full it takes no new key, and the cleaning does with what it has; a later one does the rest.
///
/// ```
/// slots, a power of two, linear probing, at most three quarters full
///   offset 0, size 8, the last offset
///   offset 8, size 4, where the key stands among the keys; 0: the slot is free
///   offset 12, size 4, half of the key's hash
/// keys, from 1 on: size 4, length; the bytes
/// ```
@safe
final class CleanerMap {
    private static let slotSize = 16

    private let slots: UnsafeMutableRawPointer
    private let keys: UnsafeMutableRawPointer
    private let slotCount: Int
    private let keyBytes: Int
    private var nextKey = 1
    private(set) var count = 0

    /// - Parameter bytes: of all memory it ever takes; at least 4 KiB, at most 4 GiB. A page counts once it is used.
    init(bytes: Int) throws(DiskError) {
        let bytes = min(max(bytes, 4 << 10), 4 << 30)
        // A quarter for the slots, so that they and the keys run out together at some 60 bytes a key; shorter keys
        // run out of slots first.
        slotCount = 1 << (Int.bitWidth - 1 - (bytes / 4 / Self.slotSize).leadingZeroBitCount)
        keyBytes = bytes - slotCount * Self.slotSize
        // Safety: a fresh mapping of zeroes; MAP_FAILED is checked below. Unmapped in `deinit`.
        let room = unsafe mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let room = unsafe room, unsafe room != MAP_FAILED else {
            throw DiskError(operation: "get \(bytes) bytes of", path: "memory for compaction", code: errno)
        }
        unsafe slots = room
        // Safety: the slots are part of the mapping.
        unsafe keys = room + slotCount * Self.slotSize
    }

    deinit {
        // Safety: mapped in `init`, in one piece.
        unsafe munmap(slots, slotCount * Self.slotSize + keyBytes)
    }

    /// The longest key that it ever takes.
    var keyLimit: Int { keyBytes / 4 }

    /// Notes that a key stands at an offset, beyond those before.
    /// - Returns: false if the key is new and there is no room for it.
    func put(_ key: RawSpan, _ offset: Offset) -> Bool {
        let hash = Self.hash(key)
        let place = find(key, hash)
        if reference(at: place) == 0 {
            guard (count + 1) * 4 <= slotCount * 3, key.byteCount <= keyLimit, key.byteCount + 4 <= keyBytes - nextKey
            else { return false }
            store(key, hash, at: place)
        }
        // Safety: `place` is below `slotCount`.
        unsafe slots.storeBytes(of: offset, toByteOffset: place * Self.slotSize, as: Offset.self)
        return true
    }

    /// Where a key was found last, nil if it was not.
    func offset(of key: RawSpan) -> Offset? {
        let place = find(key, Self.hash(key))
        guard reference(at: place) != 0 else { return nil }
        // Safety: `place` is below `slotCount`.
        return unsafe slots.load(fromByteOffset: place * Self.slotSize, as: Offset.self)
    }

    /// The slot of a key, or the free one where it would be. There always is a free one.
    private func find(_ key: RawSpan, _ hash: UInt64) -> Int {
        let mark = UInt32(truncatingIfNeeded: hash >> 32)
        var place = Int(truncatingIfNeeded: hash & UInt64(slotCount - 1))
        while true {
            let reference = reference(at: place)
            if reference == 0 { return place }
            // Safety: `place` is below `slotCount`.
            let stored = unsafe slots.load(fromByteOffset: place * Self.slotSize + 12, as: UInt32.self)
            if stored == mark && isSame(key, at: Int(reference)) { return place }
            place = (place + 1) & (slotCount - 1)
        }
    }

    private func reference(at place: Int) -> UInt32 {
        // Safety: callers keep `place` below `slotCount`.
        unsafe slots.load(fromByteOffset: place * Self.slotSize + 8, as: UInt32.self)
    }

    private func isSame(_ key: RawSpan, at place: Int) -> Bool {
        // Safety: a reference is where ``store(_:_:at:)`` put a length and so many bytes, all within `keys`.
        let length = unsafe keys.loadUnaligned(fromByteOffset: place, as: UInt32.self)
        guard Int(length) == key.byteCount else { return false }
        return unsafe key.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return true }
            return unsafe memcmp(base, keys + place + 4, bytes.count) == 0
        }
    }

    /// Adds a key for which the caller has found room.
    private func store(_ key: RawSpan, _ hash: UInt64, at place: Int) {
        precondition(nextKey + 4 + key.byteCount <= keyBytes, "no room for the key")
        // Safety: the line above; `place` is below `slotCount`.
        unsafe keys.storeBytes(of: UInt32(key.byteCount), toByteOffset: nextKey, as: UInt32.self)
        unsafe key.withUnsafeBytes { bytes in
            if let base = bytes.baseAddress {
                unsafe (keys + nextKey + 4).copyMemory(from: base, byteCount: bytes.count)
            }
        }
        let slot = place * Self.slotSize
        unsafe slots.storeBytes(of: UInt32(nextKey), toByteOffset: slot + 8, as: UInt32.self)
        unsafe slots.storeBytes(of: UInt32(truncatingIfNeeded: hash >> 32), toByteOffset: slot + 12, as: UInt32.self)
        nextKey += 4 + key.byteCount
        count += 1
    }

    /// Swift's own keyed hash, whose key is another in each process: nobody outside can choose keys that crowd one place.
    private static func hash(_ key: RawSpan) -> UInt64 {
        var hasher = Hasher()
        // Safety: the bytes are read before the pointer ends.
        unsafe key.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        return UInt64(truncatingIfNeeded: hasher.finalize())
    }
}

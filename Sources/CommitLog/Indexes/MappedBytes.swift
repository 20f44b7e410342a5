import Glibc

/// Bytes of a file that do not change any more: mapped, or copied where a disk cannot map.
@safe
package final class MappedBytes: @unchecked Sendable {  // read-only from `init` on
    private let base: UnsafeMutableRawPointer
    package let count: Int
    private let isMapped: Bool

    /// Maps `length` bytes of a descriptor for reading. `length` must not be 0.
    init(descriptor: Int32, length: Int, path: String) throws(DiskError) {
        // Safety: a fresh mapping of at least one byte; MAP_FAILED is checked below.
        let address = unsafe mmap(nil, length, PROT_READ, MAP_SHARED, descriptor, 0)
        guard let address = unsafe address, unsafe address != MAP_FAILED else {
            throw DiskError(operation: "map", path: path, code: errno)
        }
        unsafe base = address
        count = length
        isMapped = true
    }

    static let empty = MappedBytes(copying: [])

    package init(copying bytes: [UInt8]) {
        // Safety: freed in `deinit`; as many bytes as are copied.
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, bytes.count), alignment: 8)
        unsafe room.copyBytes(from: bytes)
        unsafe base = room.baseAddress!  // at least one byte was asked for
        count = bytes.count
        isMapped = false
    }

    deinit {
        // Safety: made in `init`, and nobody holds a span any more.
        if isMapped { unsafe munmap(base, count) } else { unsafe base.deallocate() }
    }

    /// The big-endian 32-bit integer at `position`, which must be in bounds (traps otherwise).
    func int32(at position: Int) -> Int32 {
        precondition(position >= 0 && position + 4 <= count, "outside the mapping")
        // Safety: the line above.
        return unsafe Int32(bigEndian: base.loadUnaligned(fromByteOffset: position, as: Int32.self))
    }

    /// The big-endian 64-bit integer at `position`, which must be in bounds (traps otherwise).
    func int64(at position: Int) -> Int64 {
        precondition(position >= 0 && position + 8 <= count, "outside the mapping")
        // Safety: the line above.
        return unsafe Int64(bigEndian: base.loadUnaligned(fromByteOffset: position, as: Int64.self))
    }
}

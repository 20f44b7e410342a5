import CLinux
import CZlib

/// CRC-32C (Castagnoli), by the CPU's instruction where it has one.
/// - Parameter continuing: the checksum of the bytes before these, 0 at the beginning.
package func crc32c(_ bytes: RawSpan, continuing: UInt32 = 0) -> UInt32 {
    // Safety: the C function reads `count` bytes from the pointer, and is done when it returns.
    unsafe bytes.withUnsafeBytes { unsafe penstock_crc32c(continuing, $0.baseAddress, $0.count) }
}

/// The same by tables: what machines without the instruction use, and what tests compare with.
package func crc32cPortable(_ bytes: RawSpan, continuing: UInt32 = 0) -> UInt32 {
    // Safety: as in ``crc32c(_:continuing:)``.
    unsafe bytes.withUnsafeBytes { unsafe penstock_crc32c_portable(continuing, $0.baseAddress, $0.count) }
}

/// CRC-32 with zlib's polynomial, as old messages have it. Fewer than 4 GiB.
/// - Parameter continuing: as for ``crc32c(_:continuing:)``.
package func crc32(_ bytes: RawSpan, continuing: UInt32 = 0) -> UInt32 {
    precondition(bytes.byteCount <= UInt32.max, "more than zlib takes at once")
    // zlib takes a missing pointer for the wish to begin anew.
    guard !bytes.isEmpty else { return continuing }
    // Safety: zlib reads `count` bytes from the pointer, and is done when it returns.
    return unsafe bytes.withUnsafeBytes { raw in
        let start = unsafe raw.baseAddress?.assumingMemoryBound(to: UInt8.self)
        return unsafe UInt32(truncatingIfNeeded: CZlib.crc32(UInt(continuing), start, UInt32(raw.count)))
    }
}

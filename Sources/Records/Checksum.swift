import CLinux

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

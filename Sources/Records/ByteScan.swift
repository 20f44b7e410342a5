import CLinux

/// Looking for a byte in 64 of them at once, inside the loops over lines.
package enum ByteScan {
    /// Bytes behind a range of bytes that must be readable.
    static let slack = Int(PENSTOCK_SCAN_SLACK)

    /// Which of the 64 bytes at `bytes` are `byte`: bit i for byte i.
    @inline(__always)
    static func matches(_ bytes: UnsafeRawPointer, _ byte: UInt8) -> UInt64 {
        // Safety: the caller has 64 readable bytes.
        unsafe penstock_matches64(bytes, byte)
    }

    /// As ``matches(_:_:)``, of the first 64 bytes: for tests, which compare it with ``portableMatches(in:_:)``.
    package static func matches(in bytes: RawSpan, _ byte: UInt8) -> UInt64 {
        precondition(bytes.byteCount >= 64, "fewer than 64 bytes")
        // Safety: checked above.
        return unsafe bytes.withUnsafeBytes { unsafe penstock_matches64($0.baseAddress, byte) }
    }

    /// The same without the CPU's help, which is what other CPUs use.
    package static func portableMatches(in bytes: RawSpan, _ byte: UInt8) -> UInt64 {
        precondition(bytes.byteCount >= 64, "fewer than 64 bytes")
        // Safety: checked above.
        return unsafe bytes.withUnsafeBytes { unsafe penstock_matches64_portable($0.baseAddress, byte) }
    }
}

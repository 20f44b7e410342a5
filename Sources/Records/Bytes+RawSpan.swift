extension Array<UInt8> {
    /// The bytes as what checksums, codecs and batches read. (`span.bytes` says the same, but counts as unsafe.)
    package var rawSpan: RawSpan {
        @_lifetime(borrow self)
        borrowing get {
            // Safety: a UInt8 has no padding, so every byte is initialised.
            let bytes = unsafe span.bytes
            return unsafe _overrideLifetime(bytes, borrowing: self)
        }
    }
}

extension ArraySlice<UInt8> {
    /// As for arrays.
    package var rawSpan: RawSpan {
        @_lifetime(borrow self)
        borrowing get {
            // Safety: a UInt8 has no padding, so every byte is initialised.
            let bytes = unsafe span.bytes
            return unsafe _overrideLifetime(bytes, borrowing: self)
        }
    }
}

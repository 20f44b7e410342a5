/// One record, decoded. Not for the hot path: there, records are slices of an ``EventBatch``.
package struct Record: Hashable, Sendable {
    package var offset: Offset
    /// Milliseconds since 1970, UTC.
    package var timestamp: Int64
    /// nil is no key, which Kafka tells from an empty one.
    package var key: [UInt8]?
    /// nil is a tombstone on compacted topics.
    package var value: [UInt8]?
    package var headers: [Header]

    package init(
        offset: Offset = 0, timestamp: Int64, key: [UInt8]? = nil, value: [UInt8]?, headers: [Header] = []
    ) {
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self.headers = headers
    }
}

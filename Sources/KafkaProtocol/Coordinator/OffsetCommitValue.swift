package import Records

/// A committed offset, the value beside ``OffsetsKey/offset(group:topic:partition:)``.
///
/// Versions: 0 and 2 are alike, 1 has an expiry time, 3 added `leaderEpoch`, 4 is flexible and carries the topic's id.
/// Kafka 3.x writes 3.
package struct OffsetCommitValue: VersionedValue, Equatable {
    package static let versions: ClosedRange<Int16> = 0...4
    package static let flexibleFrom: Int16? = 4

    package var offset: Int64 = 0
    package var leaderEpoch: Int32 = -1
    package var metadata = ""
    /// Milliseconds since 1970, UTC.
    package var commitTimestamp: Int64 = 0
    package var expireTimestamp: Int64 = -1
    package var topicId: TopicID = .zero

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&offset)
        if fields.version >= 3 { try fields.walk(&leaderEpoch) }
        try fields.walk(&metadata)
        try fields.walk(&commitTimestamp)
        if fields.version == 1 { try fields.walk(&expireTimestamp) }
    }

    package mutating func walkTags(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(tag: 0, &topicId, absent: .zero)
    }
}

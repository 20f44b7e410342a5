/// The key of a record in `__consumer_offsets`.
///
/// | at | field | type |
/// |---|---|---|
/// | 0 | kind | i16: 0 or 1 a committed offset, 2 a group; the rest belongs to groups whose partitions the broker assigns |
/// | 2 | group | string |
/// | | topic, partition | string, i32: of a committed offset only |
package enum OffsetsKey: Hashable, Sendable {
    case offset(group: String, topic: String, partition: Int32)
    case group(String)

    /// - Returns: nil for a kind of record that is not known here, which readers pass over.
    package static func decode(_ bytes: ArraySlice<UInt8>) throws(WireError) -> OffsetsKey? {
        var reader = FieldReader(bytes, version: 0, isFlexible: false)
        var kind: Int16 = 0
        try reader.walk(&kind)
        guard (0...2).contains(kind) else { return nil }
        var group = ""
        try reader.walk(&group)
        if kind == 2 { return .group(group) }
        var topic = ""
        var partition: Int32 = 0
        try reader.walk(&topic)
        try reader.walk(&partition)
        return .offset(group: group, topic: topic, partition: partition)
    }

    package func encode() throws(WireError) -> [UInt8] {
        var writer = FieldWriter(version: 0, isFlexible: false)
        switch self {
        case .offset(var group, var topic, var partition):
            var kind: Int16 = 1
            try writer.walk(&kind)
            try writer.walk(&group)
            try writer.walk(&topic)
            try writer.walk(&partition)
        case .group(var group):
            var kind: Int16 = 2
            try writer.walk(&kind)
            try writer.walk(&group)
        }
        return writer.collected
    }
}

/// A value that Kafka keeps outside messages, its version in front as an i16: what is in `__consumer_offsets`, and what
/// consumers tell each other through a group.
package protocol VersionedValue: WireStruct {
    /// Versions above are refused, unless `readsNewer`.
    static var versions: ClosedRange<Int16> { get }
    /// The first version with compact lengths and tagged fields; nil if there is none.
    static var flexibleFrom: Int16? { get }
    /// Whether a version above `versions` is read as the highest: fields are only ever added at the end.
    static var readsNewer: Bool { get }
}

extension VersionedValue {
    package static var readsNewer: Bool { false }

    /// Reads the value, and the version that precedes it.
    package init(decoding bytes: ArraySlice<UInt8>) throws(WireError) {
        let (version, rest) = try Self.version(of: bytes)
        guard version >= Self.versions.lowerBound, Self.readsNewer || version <= Self.versions.upperBound else {
            throw .invalid("\(Self.self) of version \(version)")
        }
        let spoken = min(version, Self.versions.upperBound)
        self.init()
        var reader = FieldReader(rest, version: spoken, isFlexible: Self.isFlexible(spoken))
        try reader.walk(&self)
    }

    /// Writes the value behind its version.
    package func encode(version: Int16) throws(WireError) -> [UInt8] {
        precondition(Self.versions.contains(version), "\(Self.self) has no version \(version)")
        var front = FieldWriter(version: version, isFlexible: false)
        var number = version
        try front.walk(&number)
        var writer = FieldWriter(version: version, isFlexible: Self.isFlexible(version))
        writer.append(front)
        var value = self
        try writer.walk(&value)
        return writer.collected
    }

    /// The version in front of `bytes`, and what follows it.
    static func version(of bytes: ArraySlice<UInt8>) throws(WireError) -> (Int16, ArraySlice<UInt8>) {
        var reader = FieldReader(bytes, version: 0, isFlexible: false)
        var version: Int16 = 0
        try reader.walk(&version)
        return (version, reader.rest)
    }

    private static func isFlexible(_ version: Int16) -> Bool { flexibleFrom.map { version >= $0 } ?? false }
}

package import Records

/// A file of a data directory, by its name.
package struct InspectedFile: Hashable, Sendable {
    package enum Kind: String, Sendable {
        case log, index, timeindex, txnindex, snapshot
        /// One of the checkpoints in the root of a data directory.
        case checkpoint
        case leaderEpochs = "leader-epochs"
        /// `partition.metadata`
        case metadata
        /// `meta.properties`
        case properties
        /// Text that is shown as it is.
        case text
    }

    package let path: String
    package let kind: Kind
    /// What the name says: a segment's base offset, the end of a snapshot. Copies of what was cut have none.
    package let offset: Offset?
    /// What the log put behind the name of a segment's file, such as `.swap`; nil for one under its own name, and for a
    /// stranger's, whatever its name ends with.
    let ending: String?

    /// - Returns: nil for a name that means nothing here.
    package init?(_ path: String) {
        self.path = path
        let name = path.split(separator: "/").last.map(String.init) ?? path
        switch name {
        case LeaderEpochs.fileName: (kind, offset, ending) = (.leaderEpochs, nil, nil)
        case PartitionPlace.metadataName: (kind, offset, ending) = (.metadata, nil, nil)
        case MetaProperties.fileName: (kind, offset, ending) = (.properties, nil, nil)
        case DataDirectory.cleanMarker, DataDirectory.failureMarker, DataDirectory.positionsMark:
            (kind, offset, ending) = (.text, nil, nil)
        case _ where name.hasSuffix("-offset-checkpoint"): (kind, offset, ending) = (.checkpoint, nil, nil)
        default:
            let plain = Self.withoutEndings(name)
            guard let dot = plain.lastIndex(of: "."),
                let kind = Kind(rawValue: String(plain[plain.index(after: dot)...])),
                [.log, .index, .timeindex, .txnindex, .snapshot].contains(kind)
            else { return nil }
            self.kind = kind
            ending = Self.endings.first { SwapCompletion.part(name, $0) != nil }
            offset = ending == nil && plain != name ? nil : Segment.offset(named: plain[..<dot])
        }
    }

    private static let endings = SwapCompletion.endings + [UnreadableSegment.suffix, ScannedSegment.misnamedSuffix]

    private static func withoutEndings(_ name: String) -> String {
        var name = name
        for ending in endings where name.hasSuffix(ending) { name.removeLast(ending.count) }
        return name
    }

    /// The partition that the file's directory is called after; nil if it is called otherwise.
    package var partition: (topic: String, index: Int32)? {
        let parts = path.split(separator: "/")
        return parts.count > 1 ? PartitionPlace.parse(String(parts[parts.count - 2])) : nil
    }

    /// Bytes that a segment's log, or an index of it, may have: positions in it have 31 bits. Of a larger one no more is read.
    static let sizeLimit = Int64(Int32.max)

    /// What is said of a larger one.
    static func oversize(_ size: Int64) -> String {
        "\(size) bytes are more than any segment has; what lies behind \(sizeLimit) was not looked at"
    }

    /// A segment's log under its own name.
    var isSegment: Bool { kind == .log && offset != nil && !isLeftover && !isSetAside }

    /// What belongs to a segment stands together.
    static func order(_ a: InspectedFile, _ b: InspectedFile) -> Bool {
        (a.offset ?? -1, a.rank, a.path) < (b.offset ?? -1, b.rank, b.path)
    }

    private var rank: Int {
        switch kind {
        case .properties: 0
        case .text: 1
        case .checkpoint: 2
        case .metadata: 3
        case .leaderEpochs: 4
        // What stands before a segment's first record.
        case .snapshot: 5
        case .log: 6
        case .index: 7
        case .timeindex: 8
        case .txnindex: 9
        }
    }
}

extension Segment {
    /// The offset that a segment's file, or a snapshot, is named by; nil for what is not so many digits of one.
    static func offset(named digits: some StringProtocol) -> Offset? {
        let zero = UInt8(ascii: "0")
        guard digits.utf8.count == 20, digits.utf8.allSatisfy({ (zero...zero + 9).contains($0) }),
            let offset = Offset(digits), bases.contains(offset)
        else { return nil }
        return offset
    }
}

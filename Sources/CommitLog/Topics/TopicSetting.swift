import Records

/// One name of a topic's configuration: Kafka's name, kind, bounds and synonym, and where ``TopicSettings`` keeps it.
package struct TopicSetting: Sendable {
    package let name: String
    package let kind: Kind
    /// The broker configuration that Kafka falls back to; shown as a synonym.
    package let synonym: String?
    /// What a value of it looks like, for whoever gave another.
    package let expected: String
    private let write: @Sendable (inout TopicSettings, _ text: String) -> Bool
    private let show: @Sendable (TopicSettings) -> String

    /// Kafka's numbers for kinds of values.
    package enum Kind: Int8, Sendable { case boolean = 1, string = 2, int = 3, long = 5, double = 6, list = 7 }

    /// Every name that means something, by name.
    package static let all: [TopicSetting] = [
        policy("cleanup.policy", "log.cleanup.policy"),
        whole("compression.gzip.level", .int, \.gzipLevel, -1...9, besides: 0),
        whole("compression.lz4.level", .int, \.lz4Level, 1...17),
        choice("compression.type", \.compression),
        whole("compression.zstd.level", .int, \.zstdLevel, -131_072...22),
        whole("delete.retention.ms", .long, \.deleteRetentionMilliseconds, 0..., "log.cleaner.delete.retention.ms"),
        whole("file.delete.delay.ms", .long, \.fileDeleteDelayMilliseconds, 0..., "log.segment.delete.delay.ms"),
        whole("flush.messages", .long, \.flushMessages, 1..., "log.flush.interval.messages"),
        whole("flush.ms", .long, \.flushMilliseconds, 0...),
        whole("index.interval.bytes", .int, \.indexIntervalBytes, 0...largestInt, "log.index.interval.bytes"),
        whole(
            "max.compaction.lag.ms", .long, \.maxCompactionLagMilliseconds, 1..., "log.cleaner.max.compaction.lag.ms"),
        whole("max.message.bytes", .int, \.maxMessageBytes, 0...Int(largestInt), "message.max.bytes"),
        whole(
            "message.timestamp.after.max.ms", .long, \.timestampAfterMilliseconds, 0...,
            "log.message.timestamp.after.max.ms"),
        whole(
            "message.timestamp.before.max.ms", .long, \.timestampBeforeMilliseconds, 0...,
            "log.message.timestamp.before.max.ms"),
        timestampType("message.timestamp.type", "log.message.timestamp.type"),
        ratio("min.cleanable.dirty.ratio", \.minCleanableDirtyRatio, "log.cleaner.min.cleanable.ratio"),
        whole(
            "min.compaction.lag.ms", .long, \.minCompactionLagMilliseconds, 0..., "log.cleaner.min.compaction.lag.ms"),
        whole("min.insync.replicas", .int, \.minInsyncReplicas, 1...Int(largestInt)),
        truth("preallocate", \.preallocates, "log.preallocate"),
        whole("retention.bytes", .long, \.retentionBytes, (-1)..., "log.retention.bytes"),
        whole("retention.ms", .long, \.retentionMilliseconds, (-1)...),
        whole("segment.bytes", .int, \.segmentBytes, 14...largestInt, "log.segment.bytes"),
        whole("segment.index.bytes", .int, \.segmentIndexBytes, 4...largestInt, "log.index.size.max.bytes"),
        whole("segment.jitter.ms", .long, \.segmentJitterMilliseconds, 0...),
        whole("segment.ms", .long, \.segmentMilliseconds, 1...),
        truth("unclean.leader.election.enable", \.electsUncleanLeaders),
    ]

    /// nil for a name that means nothing.
    package static func named(_ name: String) -> TopicSetting? { all.first { $0.name == name } }

    /// What the settings say of it, as Kafka writes it.
    package func text(in settings: TopicSettings) -> String { show(settings) }

    /// The text is taken with spaces around it, as Kafka takes it.
    func read(_ text: String, into settings: inout TopicSettings) throws(SettingError) {
        guard write(&settings, Self.trimmed(text)) else {
            throw SettingError(name: name, found: String(text.prefix(Self.shown)), expected: expected)
        }
    }

    /// The values of a list, as they are cut at commas.
    package static func values(of list: String) -> [String] {
        list.split(separator: ",").map { trimmed(String($0)) }.filter { !$0.isEmpty }
    }

    // MARK: - Kinds of values

    private static let largestInt = Int64(Int32.max)
    /// Characters of a wrong value that its error repeats.
    private static let shown = 64

    private typealias Place<Value> = any WritableKeyPath<TopicSettings, Value> & Sendable

    /// - Parameter gap: a number within the range that is none all the same.
    private static func whole<Number: FixedWidthInteger & Sendable>(
        _ name: String, _ kind: Kind, _ place: Place<Number>, _ range: ClosedRange<Number>, besides gap: Number? = nil,
        _ synonym: String? = nil
    ) -> TopicSetting {
        let expected = "a whole number in \(range)" + (gap.map { " but not \($0)" } ?? "")
        return TopicSetting(name: name, kind: kind, synonym: synonym, expected: expected) { settings, text in
            guard let value = Number(text), range.contains(value), value != gap else { return false }
            settings[keyPath: place] = value
            return true
        } show: {
            "\($0[keyPath: place])"
        }
    }

    private static func whole(
        _ name: String, _ kind: Kind, _ place: Place<Int64>, _ range: PartialRangeFrom<Int64>, _ synonym: String? = nil
    ) -> TopicSetting {
        whole(name, kind, place, range.lowerBound...Int64.max, synonym)
    }

    private static func ratio(_ name: String, _ place: Place<Double>, _ synonym: String) -> TopicSetting {
        TopicSetting(name: name, kind: .double, synonym: synonym, expected: "a number in 0...1") { settings, text in
            guard let value = Double(text), (0...1).contains(value) else { return false }
            settings[keyPath: place] = value
            return true
        } show: {
            "\($0[keyPath: place])"
        }
    }

    private static func truth(_ name: String, _ place: Place<Bool>, _ synonym: String? = nil) -> TopicSetting {
        TopicSetting(name: name, kind: .boolean, synonym: synonym, expected: "true or false") { settings, text in
            guard let value = Bool(text.lowercased()) else { return false }
            settings[keyPath: place] = value
            return true
        } show: {
            "\($0[keyPath: place])"
        }
    }

    private static func choice(_ name: String, _ place: Place<TopicSettings.Compression>) -> TopicSetting {
        let all = TopicSettings.Compression.allCases.map(\.rawValue).joined(separator: ", ")
        return TopicSetting(name: name, kind: .string, synonym: nil, expected: "one of \(all)") { settings, text in
            guard let value = TopicSettings.Compression(rawValue: text) else { return false }
            settings[keyPath: place] = value
            return true
        } show: {
            $0[keyPath: place].rawValue
        }
    }

    private static func timestampType(_ name: String, _ synonym: String) -> TopicSetting {
        TopicSetting(
            name: name, kind: .string, synonym: synonym, expected: "CreateTime or LogAppendTime"
        ) { settings, text in
            let types = [TimestampType.createTime, .logAppendTime]
            guard let type = types.first(where: { Self.name(of: $0) == text }) else { return false }
            settings.timestampType = type
            return true
        } show: {
            Self.name(of: $0.timestampType)
        }
    }

    private static func name(of type: TimestampType) -> String {
        switch type {
        case .createTime: "CreateTime"
        case .logAppendTime: "LogAppendTime"
        }
    }

    private static func policy(_ name: String, _ synonym: String) -> TopicSetting {
        TopicSetting(
            name: name, kind: .list, synonym: synonym, expected: "delete, compact or both, each once"
        ) { settings, text in
            var policy: TopicSettings.CleanupPolicy = []
            for value in values(of: text) {
                guard let one = policies.first(where: { $0.name == value })?.policy,
                    policy.insert(one).inserted
                else { return false }
            }
            settings.cleanupPolicy = policy
            return true
        } show: { settings in
            policies.filter { settings.cleanupPolicy.contains($0.policy) }.map(\.name).joined(separator: ",")
        }
    }

    private static let policies: [(name: String, policy: TopicSettings.CleanupPolicy)] = [
        ("compact", .compact), ("delete", .delete),
    ]

    private static func trimmed(_ text: String) -> String {
        var rest = text[...]
        while rest.first?.isWhitespace ?? false { rest = rest.dropFirst() }
        while rest.last?.isWhitespace ?? false { rest = rest.dropLast() }
        return String(rest)
    }

    private init(
        name: String, kind: Kind, synonym: String?, expected: String,
        write: @escaping @Sendable (inout TopicSettings, _ text: String) -> Bool,
        show: @escaping @Sendable (TopicSettings) -> String
    ) {
        self.name = name
        self.kind = kind
        self.synonym = synonym
        self.expected = expected
        self.write = write
        self.show = show
    }
}

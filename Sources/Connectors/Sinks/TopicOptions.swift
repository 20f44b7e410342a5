import CommitLog
package import Records
package import Settings

/// Options of the sink `topic`.
package struct TopicOptions: Options {
    package var topic = ""
    package var partitions = 8
    package var key: KeyOptions?
    package var codec = CodecChoice.lz4
    package var level: Int?
    package var linger = Duration.milliseconds(10)
    package var batch = ByteCount.kibibytes(256)
    package var round = ByteCount.mebibytes(4)
    package var acks = Acks.one
    package var retention: ByteCount?
    package var maxAge: Duration?

    package init() {}

    package mutating func walk(_ walker: inout some OptionWalker) {
        walker.option("topic", &topic, .required, "The topic's name; made if it is missing.", example: "nginx")
        walker.check("topic", Topic.objection(to: topic))
        walker.option(
            "partitions", &partitions, range: 1...10_000,
            "Partitions of a topic that is made; one that is there keeps its own.")
        walker.option(
            "key", &key, "Where the key comes from: equal keys go to one partition, in order.",
            example: "{ field: 1 }")
        walker.option("codec", &codec, "How batches are compressed.")
        walker.option("level", &level, range: 1...22, "The codec's own level; its default if nothing is said.")
        walker.option(
            "linger", &linger, range: Duration.zero...Duration.seconds(60),
            "How long after its first line a round is appended at the latest.")
        walker.option(
            "batch", &batch, range: ByteCount.kibibytes(1)...ByteCount.mebibytes(1),
            "Bytes of records, before compression, that make a batch full.")
        walker.option(
            "round", &round, range: ByteCount.kibibytes(64)...ByteCount.mebibytes(256),
            "Bytes of events after which a round is appended before its linger has passed.")
        walker.option(
            "acks", &acks, "When a round counts as delivered: 1, when it is appended; all, when it is on the disk.")
        walker.option(
            "retention", &retention, range: ByteCount.mebibytes(1)...,
            "Bytes of a topic that is made, over all its partitions: the oldest go first. Without it nothing goes by size; see max_age.",
            example: "1GiB")
        walker.option(
            "max_age", &maxAge, range: Duration.seconds(1)...,
            "Age at which records of a topic that is made go. Kafka's default of seven days without it.", example: "30d"
        )
    }
}

/// The codecs by the names that Kafka's settings use.
package struct CodecChoice: OptionChoice, Hashable {
    package let codec: Codec
    package static let allCases = Codec.allCases.map(CodecChoice.init(codec:))
    package static let lz4 = CodecChoice(codec: .lz4)
    package var word: String { codec.name }
}

/// When a round counts as delivered.
package enum Acks: String, OptionChoice {
    case one = "1"
    case all
}

import Glibc
import KafkaClient
import Platform
import Records
import Settings

struct ProduceOptions: Options {
    var topic = ""
    var keySeparator: String?
    var codec = CodecChoice.none
    var acks = Acks.all
    var partition: Int?
    var header: [String] = []
    /// As long a line as fits a topic with Kafka's default `max.message.bytes`.
    var maxLine = ByteCount(1_000_000)
    var log = LogChoice()

    enum CodecChoice: String, OptionChoice { case none, gzip, snappy, lz4, zstd }

    enum Acks: String, OptionChoice {
        case none = "0"
        case leader = "1"
        case all
    }

    mutating func walk(_ walker: inout some OptionWalker) {
        walker.argument("topic", &topic, shown: "TOPIC", .required, "The topic's name.")
        walker.option(
            "key_separator", &keySeparator, "What stands before it in a line is the key, what follows is the value.",
            example: ":")
        walker.option("codec", &codec, "How batches are compressed.")
        walker.option("acks", &acks, "Who must have the records: nobody, the leader, or all replicas (here: the disk).")
        walker.option("partition", &partition, range: 0...1_000_000, "Send all lines to this partition.")
        walker.option("header", &header, "A header for every record.", example: "app=web")
        walker.option(
            "max_line", &maxLine, range: ByteCount(1)...ByteCount(64 << 20), "A longer line ends the command.")
        log.walk(&walker)
        walker.check("header", header.first { !$0.contains("=") }.map { "expected NAME=VALUE, found \($0.quoted)" })
        walker.check("key_separator", keySeparator == "" ? "expected some text, found none" : nil)
    }
}

extension Command {
    static let produce = Command(
        "produce", ProduceOptions.self, summary: "Send the lines of stdin to a topic.",
        about: """
            Each line of stdin becomes a record, without its newline; a last line without newline counts. Records with \
            the same key go to the same partition, the one that Java's client would choose. Lines are sent when stdin \
            has no more for the moment. A line without the separator goes without key, and is counted.
            """,
        examples: [
            ("echo hello | penstock produce greetings", "Send one line."),
            (
                "penstock produce web --key-separator ' ' --codec lz4 < access.log",
                "The key is what precedes the first blank."
            ),
        ],
        exitCodes: [(ExitCode.done, "done: every line is acknowledged as --acks says")]
    ) { options in
        try options.log.with { client in
            var sending = try Sending(client, options)
            try sending.run()
            Console.err.line(sending.summary)
        }
        return ExitCode.done
    }
}

/// From stdin to a topic.
private struct Sending {
    private let producer: RecordProducer
    private let options: ProduceOptions
    private let headers: [Header]
    private let separator: [UInt8]?
    private var sent = 0
    private var keyless = 0
    /// The beginning of a line whose end has not come.
    private var rest: [UInt8] = []

    init(_ client: KafkaClient, _ options: ProduceOptions) throws(ClientError) {
        self.options = options
        separator = options.keySeparator.map { Array($0.utf8) }
        headers = options.header.map { text in
            let (name, value) = text.nameAndValue
            return Header(name: name, value: Array(value.utf8))
        }
        var how = RecordProducer.Options()
        how.codec = Codec(name: options.codec.rawValue) ?? .none
        how.acknowledgement =
            switch options.acks {
            case .none: .none
            case .leader: .leader
            case .all: .all
            }
        producer = try RecordProducer(client, topic: options.topic, options: how)
    }

    var summary: String {
        let lines = "\(sent) line\(sent == 1 ? "" : "s") sent to \(options.topic)"
        return keyless == 0 ? lines : lines + ", \(keyless) of them without key"
    }

    /// What precedes a line that cannot be sent is sent all the same.
    mutating func run() throws {
        do { try sendAll() } catch let error as Failure {
            try producer.flush()
            throw error
        }
        try producer.flush()
    }

    private mutating func sendAll() throws {
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        while true {
            if !isReadable() { try producer.flush() }
            let count = read(STDIN_FILENO, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure("cannot read stdin: \(String(cString: strerror(errno)))") }
            guard count > 0 else { break }
            try take(buffer[..<count])
        }
        if !rest.isEmpty { try send(rest[...]) }
    }

    /// Whether stdin has bytes, or its end, right now.
    private func isReadable() -> Bool {
        var ready = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        return poll(&ready, 1, 0) != 0
    }

    private mutating func take(_ bytes: ArraySlice<UInt8>) throws {
        var bytes = bytes
        while let newline = bytes.firstIndex(of: UInt8(ascii: "\n")) {
            if rest.isEmpty {
                try send(bytes[..<newline])
            } else {
                try send((rest + bytes[..<newline])[...])
                rest = []
            }
            bytes = bytes[(newline + 1)...]
        }
        rest += bytes
        try check(rest.count)
    }

    private mutating func send(_ line: ArraySlice<UInt8>) throws {
        try check(line.count)
        let (key, value) = split(line)
        if separator != nil, key == nil { keyless += 1 }
        let record = Record(
            timestamp: Clock.system.wallMilliseconds(), key: key, value: Array(value), headers: headers)
        try producer.add(record, partition: options.partition.map { Int32(clamping: $0) })
        sent += 1
    }

    private func split(_ line: ArraySlice<UInt8>) -> (key: [UInt8]?, value: ArraySlice<UInt8>) {
        guard let separator, let place = line.firstRange(of: separator) else { return (nil, line) }
        return (Array(line[..<place.lowerBound]), line[place.upperBound...])
    }

    private func check(_ length: Int) throws(Failure) {
        guard length <= options.maxLine.bytes else {
            throw Failure(
                "line \(sent + 1) has more than \(options.maxLine); all before it were sent, nothing from it on: raise "
                    + "--max-line, and "
                    + "the topic's max.message.bytes")
        }
    }
}

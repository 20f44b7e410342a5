import CommitLog
import Pipelines
import Platform
import Records
import Settings
import TestSupport
import Testing

@testable import Connectors

/// What becomes of a topic while a pipeline writes to it, and what the pipeline makes of that.
@Suite struct TopicFollowTests {
    private let bench: Workbench
    private let source: TailSource
    private let sink: TopicSink
    private let topic: Topic

    init() throws {
        bench = try Workbench()
        topic = try bench.directory.createTopic("web", partitions: 2)
        bench.write([], to: "web.log")
        var tail = TailOptions()
        tail.paths = [bench.path("web.log")]
        source = TailSource(tail, bench.component())
        var options = TopicOptions()
        options.topic = "web"
        options.key = KeyOptions()
        options.key?.field = 1
        sink = try TopicSink(options, bench.component("topic"))
        try source.start(from: [], untilEnd: false)
        try sink.start(longestEvent: source.longestEvent)
    }

    /// Lines of many keys, in the file and taken by the sink, but in no round yet.
    private func collect(_ name: String) throws {
        try bench.append((0..<200).map { "key\($0 % 40) \(name) \($0)\n" }.joined(), to: "web.log")
        var events = 0
        while events < 200, case .batch(let batch) = try source.next() {
            events += batch.events.events.count
            sink.take(batch)
        }
        #expect(events == 200)
    }

    /// The partition that a key belongs to.
    private func place(of record: Record, among count: Int) -> Int {
        let key = record.key ?? []
        return Int(murmur2(key.rawSpan) & 0x7fff_ffff) % count
    }

    private func fields(of record: Record) -> [Substring] {
        String(decoding: record.value ?? [], as: UTF8.self).split(separator: " ")
    }

    private func name(of record: Record) -> String { String(fields(of: record)[1]) }
    private func number(of record: Record) -> Int { Int(fields(of: record)[2]) ?? -1 }

    /// The headers of a round's batches in a partition: what was appended since it ended at an offset.
    private func headers(from start: Offset, of partition: Partition) throws -> [BatchHeader] {
        var headers: [BatchHeader] = []
        var next = start
        while next < partition.highWatermark {
            let slice = try partition.read(from: next, maxBytes: 1, minOneMessage: true)
            let span = try #require(slice.spans.first)
            let bytes = try span.source.read(position: span.position, length: span.length)
            headers.append(try BatchHeader(parsing: bytes.rawSpan))
            next = slice.nextOffset
        }
        return headers
    }

    @Test("partitions added to a topic get their keys at once, and no line is lost or repeated")
    func growth() throws {
        try collect("before")
        try sink.flush()
        // Taken in for two partitions, appended to five.
        try collect("around")
        try bench.directory.addPartitions(named: "web", to: 5)
        try sink.flush()
        try collect("after")
        try sink.flush()
        let records = try bench.records(of: "web")
        #expect(records.count == 5)
        for (partition, records) in records.enumerated() {
            for record in records {
                let count = name(of: record) == "before" ? 2 : 5
                #expect(place(of: record, among: count) == partition, "\(name(of: record)), partition \(partition)")
            }
            #expect(!records.isEmpty && Set(records.map(\.offset)).count == records.count)
        }
        for part in ["before", "around", "after"] {
            let lines = records.flatMap { $0 }.filter { name(of: $0) == part }
            #expect(lines.count == 200 && Set(lines.map(\.value)).count == 200, "\(part): \(lines.count)")
            // A key's lines of one part are in one partition, as they were in the file.
            let numbers = Dictionary(grouping: lines, by: \.key).mapValues { $0.map(number(of:)) }
            #expect(numbers.values.allSatisfy { $0 == $0.sorted() }, "\(part) is out of order")
        }
    }

    @Test("a topic's compression and kind of timestamps count from the next round on")
    func settings() throws {
        try collect("before")
        try sink.flush()
        for partition in topic.partitions {
            let headers = try headers(from: 0, of: partition)
            #expect(headers.allSatisfy { $0.codec == .lz4 && $0.timestampType == .createTime } && !headers.isEmpty)
        }
        let configuration = ["compression.type": "gzip", "message.timestamp.type": "LogAppendTime"]
        try bench.directory.alterTopic(named: "web", configuration: configuration)
        // The round that finds it out is encoded already; times are stamped when it is appended.
        for (number, codec) in [Codec.lz4, .gzip, .gzip].enumerated() {
            let ends = topic.partitions.map(\.highWatermark)
            try collect("after\(number)")
            bench.time.advance(by: .seconds(100))
            let now = bench.context().clock.wallMilliseconds()
            try sink.flush()
            for (partition, end) in zip(topic.partitions, ends) {
                let headers = try headers(from: end, of: partition)
                #expect(!headers.isEmpty)
                for header in headers {
                    #expect(header.codec == codec, "round \(number)")
                    #expect(header.timestampType == .logAppendTime && header.maxTimestamp == now, "round \(number)")
                }
            }
        }
        #expect(bench.notes(about: "compression.type=gzip").count == 1)
        try bench.directory.alterTopic(named: "web", configuration: [:])
        try collect("back")
        try sink.flush()
        let ends = topic.partitions.map(\.highWatermark)
        try collect("again")
        try sink.flush()
        for (partition, end) in zip(topic.partitions, ends) {
            let headers = try headers(from: end, of: partition)
            #expect(headers.allSatisfy { $0.codec == .lz4 && $0.timestampType == .createTime } && !headers.isEmpty)
        }
        #expect(try bench.values(of: "web").count == 1200)
    }
}

import Broker
import CommitLog
import KafkaProtocol
import Records
import TestSupport
import Testing

/// The table of checks of `ClientBatch`, through a node.
@Suite("What a client's batch is checked for")
struct ClientBatchTests {
    private func put<Value: FixedWidthInteger>(_ value: Value, at place: Int, in bytes: inout [UInt8]) {
        for index in 0..<(Value.bitWidth / 8) {
            bytes[place + index] = UInt8(truncatingIfNeeded: value >> Value(Value.bitWidth - 8 * (index + 1)))
        }
    }

    /// Bytes changed after byte 20 need a new checksum.
    private func sign(_ bytes: inout [UInt8]) {
        put(crc32c(bytes.rawSpan.extracting(21..<bytes.count)), at: 17, in: &bytes)
    }

    private func send(
        _ configs: [String: String] = [:], version: Int16 = 9, _ change: (inout [UInt8]) throws -> Void
    ) throws -> ProduceResponse.PartitionResponses {
        let scene = try NodeScene()
        #expect(try scene.create("t", partitions: 1, configs) == .none)
        var bytes = try NodeScene.batch(["a", "b"])
        try change(&bytes)
        return try scene.produce("t", bytes, version: version)
    }

    @Test("no records, half a batch, two batches, older formats are invalid")
    func shape() throws {
        #expect(try send { $0 = [] }.errorCode == .invalidRecord)
        #expect(try send { $0.removeLast() }.errorCode == .invalidRecord)
        #expect(try send { $0 = Array($0.prefix(10)) }.errorCode == .invalidRecord)
        #expect(try send { $0 += $0 }.errorCode == .invalidRecord)
        #expect(try send { $0[16] = 1 }.errorCode == .invalidRecord)
        let scene = try NodeScene()
        try scene.create("t")
        #expect(try scene.produce("t", nil).errorCode == .invalidRecord)
    }

    @Test("counts and offsets that do not agree are invalid")
    func counts() throws {
        #expect(try send { put(Int64(5), at: 0, in: &$0) }.errorCode == .invalidRecord)
        #expect(
            try send {
                put(Int32(2), at: 23, in: &$0)
                sign(&$0)
            }.errorCode == .invalidRecord)
        #expect(
            try send {
                put(Int32(0), at: 57, in: &$0)
                sign(&$0)
            }.errorCode == .invalidRecord)
        #expect(
            try send {
                put(Int32(3), at: 57, in: &$0)
                put(Int32(2), at: 23, in: &$0)
                sign(&$0)
            }.errorCode == .invalidRecord)
        // One more than this delta is no Int32.
        #expect(
            try send {
                put(Int32.max, at: 23, in: &$0)
                sign(&$0)
            }.errorCode == .invalidRecord)
    }

    @Test("control batches and producers without sequence are invalid, ids of pipelines are refused")
    func producers() throws {
        #expect(
            try send {
                put(Int16(0x20), at: 21, in: &$0)
                sign(&$0)
            }.errorCode == .invalidRecord)
        #expect(try send { $0 = try NodeScene.batch(["a"], producer: (7, 0, -1)) }.errorCode == .invalidRecord)
        #expect(
            try send { $0 = try NodeScene.batch(["a"], producer: (1 << 62, 0, 0)) }.errorCode
                == .invalidProducerIdMapping)
    }

    @Test("transactional batches are refused: transactions are not spoken")
    func transactional() throws {
        let answer = try send {
            $0 = try NodeScene.batch(["a"], producer: (7, 0, 0))
            put(Int16(0x10), at: 21, in: &$0)
            sign(&$0)
        }
        #expect(answer.errorCode == .transactionalIdAuthorizationFailed)
    }

    @Test("a wrong checksum is corrupt")
    func checksum() throws {
        let answer = try send { $0[$0.count - 2] ^= 1 }
        #expect(answer.errorCode == .corruptMessage)
        #expect(answer.errorMessage?.contains("checksum") == true)
    }

    @Test("a batch larger than the topic takes is too large")
    func size() throws {
        #expect(try send(["max.message.bytes": "70"]) { _ in }.errorCode == .messageTooLarge)
    }

    /// Sends batches to one partition each of a topic, in one request.
    private func send(
        _ batches: [[UInt8]], _ configs: [String: String] = [:], _ change: @escaping (inout BrokerOptions) -> Void
    ) throws -> [ErrorCode] {
        let scene = try NodeScene(change)
        try scene.create("t", partitions: Int32(batches.count), configs)
        var request = NodeScene.produceRequest("t", 0, nil)
        request.topicData[0].partitionData = batches.enumerated().map { number, batch in
            var data = ProduceRequest.PartitionData()
            data.index = Int32(number)
            data.records = batch[...]
            return data
        }
        guard case .response(let response) = try answer({ scene.node.produce(request, scene.context(9), $0) }) else {
            return []
        }
        return response.responses[0].partitionResponses.map(\.errorCode)
    }

    private func bomb(_ bytes: Int, codec: Codec = .zstd) throws -> [UInt8] {
        try NodeScene.batch([String(repeating: "a", count: bytes)], codec: codec)
    }

    @Test("the batches of one request have a bound together of what they decompress to, others come again")
    func decompressedTogether() throws {
        let batches = try [bomb(4_000), bomb(4_000), bomb(4_000), bomb(100), bomb(4_000, codec: .none)]
        let errors = try send(batches) {
            $0.maxDecompressedBytes = 5_000
            $0.maxDecompressedRequestBytes = 10_000
        }
        #expect(errors == [.none, .none, .requestTimedOut, .requestTimedOut, .none])
    }

    @Test("after a batch that decompresses to too much, no other of its request is decompressed")
    func afterBomb() throws {
        let errors = try send([bomb(6_000), bomb(1_000), bomb(1_000, codec: .none)]) { $0.maxDecompressedBytes = 5_000 }
        #expect(errors == [.messageTooLarge, .requestTimedOut, .none])
    }

    @Test("what was decompressed counts although its records are wrong")
    func corruptBomb() throws {
        var corrupt = try bomb(4_000)
        put(Int32(2), at: 57, in: &corrupt)
        put(Int32(1), at: 23, in: &corrupt)
        sign(&corrupt)
        let errors = try send([corrupt, corrupt, bomb(4_000)]) {
            $0.maxDecompressedBytes = 5_000
            $0.maxDecompressedRequestBytes = 10_000
        }
        #expect(errors == [.invalidRecord, .invalidRecord, .requestTimedOut])
    }

    @Test("a batch beyond max.message.bytes is not decompressed, so the others of its request are checked")
    func tooLargeAsSent() throws {
        let random = String((0..<400).map { _ in Character(Unicode.Scalar(UInt8.random(in: 33..<127))) })
        let long = try NodeScene.batch([random + String(repeating: "a", count: 6_000)], codec: .zstd)
        let errors = try send([long, bomb(1_000)], ["max.message.bytes": "200"]) { $0.maxDecompressedBytes = 5_000 }
        #expect(errors == [.messageTooLarge, .none])
    }

    @Test("zstd needs version 7, codecs that Kafka does not have are an unknown error")
    func codecs() throws {
        let long = String(repeating: "abc", count: 100)
        #expect(
            try send(version: 6) { $0 = try NodeScene.batch([long], codec: .zstd) }.errorCode
                == .unsupportedCompressionType)
        #expect(try send(version: 7) { $0 = try NodeScene.batch([long], codec: .zstd) }.errorCode == .none)
        #expect(
            try send {
                put(Int16(5), at: 21, in: &$0)
                sign(&$0)
            }.errorCode == .unknownServerError)
    }

    @Test("timestamps more than an hour ahead are refused; old and missing ones are taken")
    func timestamps() throws {
        let now = ManualScheduler.startOfWall
        let hour: Int64 = 3_600_000
        #expect(try send { $0 = try NodeScene.batch(["a"], timestamp: now + hour + 1) }.errorCode == .invalidTimestamp)
        #expect(try send { $0 = try NodeScene.batch(["a"], timestamp: now + hour) }.errorCode == .none)
        #expect(try send { $0 = try NodeScene.batch(["a"], timestamp: -1) }.errorCode == .none)
        #expect(try send { $0 = try NodeScene.batch(["a"], timestamp: 0) }.errorCode == .none)
        let strict = ["message.timestamp.before.max.ms": "1000"]
        #expect(
            try send(strict) { $0 = try NodeScene.batch(["a"], timestamp: now - 1001) }.errorCode == .invalidTimestamp)
    }

    @Test("a topic with append times sets them, and takes none from clients")
    func appendTime() throws {
        let configs = ["message.timestamp.type": "LogAppendTime"]
        let answer = try send(configs) { $0 = try NodeScene.batch(["a"], timestamp: 5) }
        #expect(answer.logAppendTimeMs == ManualScheduler.startOfWall)
        #expect(
            try send(configs) {
                put(Int16(8), at: 21, in: &$0)
                sign(&$0)
            }.errorCode == .invalidTimestamp)
    }

    @Test("a claimed append time is cleared where producers set the time, and a wrong maximum put right")
    func retimed() throws {
        let scene = try NodeScene()
        try scene.create("t")
        var bytes = try NodeScene.batch(["a", "b"])
        put(Int16(8), at: 21, in: &bytes)
        put(Int64(99), at: 35, in: &bytes)
        sign(&bytes)
        #expect(try scene.produce("t", bytes).errorCode == .none)
        let records = try NodeScene.records(in: try scene.fetch("t"))
        #expect(records.map(\.timestamp) == [ManualScheduler.startOfWall, ManualScheduler.startOfWall + 1])
    }

    @Test("a compacted topic names the records that have no key")
    func keyless() throws {
        let answer = try send(["cleanup.policy": "compact"]) {
            let batch = try RecordBatch.encode([
                Record(timestamp: 1, key: [1], value: [1]), Record(timestamp: 1, value: [2]),
            ])
            $0 = batch.withUnsafeBytes { Array($0) }
        }
        #expect(answer.errorCode == .invalidRecord)
        #expect(answer.recordErrors.map(\.batchIndex) == [1])
    }
}

import Records
import TestSupport
import Testing

@Suite("Codecs")
struct CodecTests {
    private static let compressing = Codec.allCases.filter { $0 != .none }

    /// Typical, incompressible, empty and repetitive input, around the sizes at which framings make blocks.
    private static let inputs: [[UInt8]] = {
        var random = SeededGenerator(seed: 5)
        let text = Array(String(repeating: "127.0.0.1 GET /index.html 200\n", count: 5000).utf8)
        return [[], [0], Array(text.prefix(100)), random.bytes(1000), random.bytes(32 << 10), random.bytes(70_000)]
            + [32 << 10, (32 << 10) + 1, 64 << 10, (64 << 10) + 1, text.count].map { Array(text.prefix($0)) }
            + [[UInt8](repeating: 0, count: 1 << 20)]
    }()

    private func compress(_ codec: Codec, _ bytes: [UInt8], level: Int? = nil) throws(RecordError) -> [UInt8] {
        try codec.compress(bytes.rawSpan, level: level)
    }

    private func decompress(_ codec: Codec, _ bytes: [UInt8], limit: Int) throws(RecordError) -> [UInt8] {
        try codec.decompress(bytes.rawSpan, limit: limit)
    }

    @Test("give back what they were given, with a limit of exactly its size", arguments: Codec.allCases)
    func roundTrip(_ codec: Codec) throws {
        for input in Self.inputs {
            let packed = try compress(codec, input)
            #expect(try decompress(codec, packed, limit: input.count) == input)
            #expect(try decompress(codec, packed, limit: 1 << 30) == input)
        }
    }

    @Test("refuse the first byte beyond the limit", arguments: Codec.allCases)
    func limit(_ codec: Codec) throws {
        for input in Self.inputs where !input.isEmpty {
            let packed = try compress(codec, input)
            for limit in Set([0, input.count / 2, input.count - 1]) {
                let error = #expect(throws: RecordError.self) { try decompress(codec, packed, limit: limit) }
                guard case .tooLarge(let size, _) = error else {
                    Issue.record("\(codec.name): \(String(describing: error)) at \(limit) of \(input.count)")
                    continue
                }
                #expect(size > 0)
            }
        }
    }

    @Test("take every level that their library has, and its last one for others", arguments: compressing)
    func levels(_ codec: Codec) throws {
        let input = Self.inputs[2]
        for level in [-5, 1, 6, 9, 12, 19, 22, 100] {
            let packed = try compress(codec, input, level: level)
            #expect(try decompress(codec, packed, limit: 1000) == input)
        }
    }

    @Test("write the framing that Kafka's clients write")
    func framing() throws {
        let input = Array("hello hello hello hello hello".utf8)
        #expect(try compress(.gzip, input).starts(with: [0x1f, 0x8b, 8]))
        #expect(
            try compress(.snappy, input).starts(with: Vectors.bytes("82534e41505059000000000100000001")))
        #expect(try compress(.lz4, input).starts(with: Vectors.bytes("04224d18604082")))
        #expect(try compress(.lz4, Self.inputs[10]).starts(with: Vectors.bytes("04224d18604082")))
        #expect(try compress(.zstd, input).starts(with: [0x28, 0xb5, 0x2f, 0xfd]))
    }

    @Test("are found by the names that Kafka's settings use")
    func names() {
        #expect(Codec.allCases.map(\.name) == ["none", "gzip", "snappy", "lz4", "zstd"])
        #expect(Codec.allCases.allSatisfy { Codec(name: $0.name) == $0 })
        #expect(Codec(name: "LZ4") == nil && Codec(name: "") == nil)
    }

    @Test("refuse every proper prefix of what they wrote", arguments: compressing)
    func truncated(_ codec: Codec) throws {
        let input = Array("hello hello hello hello hello 0123456789".utf8)
        let packed = try compress(codec, input)
        for count in 0..<packed.count {
            let part = Array(packed[..<count])
            // A snappy stream may end after any whole block; the header alone is an empty one.
            if codec == .snappy && count == 16 { continue }
            #expect(throws: RecordError.self, "\(count) of \(packed.count)") {
                try decompress(codec, part, limit: 1000)
            }
        }
    }

    @Test("neither trap nor pass their limit on damaged input", arguments: compressing, Seeds.some(20))
    func damaged(_ codec: Codec, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let input = random.text(Int.random(in: 1...3000, using: &random))
        let packed = try compress(codec, input)
        for _ in 0..<200 {
            var broken = packed
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                broken[Int.random(in: broken.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if let output = try? decompress(codec, broken, limit: 5000) { #expect(output.count <= 5000) }
            let noise = random.bytes(Int.random(in: 0...60, using: &random))
            if let output = try? decompress(codec, noise, limit: 5000) { #expect(output.count <= 5000) }
        }
    }

    @Test(
        "believe no length that is only claimed",
        arguments: [
            (Codec.snappy, "ffffffff0f", "a raw block of five bytes that claims 4 GiB"),
            (.snappy, "8094ebdc0300", "a raw block of six bytes that claims a gigabyte"),
            (.snappy, "82534e415050590000000001000000017fffffff00", "a block longer than the stream"),
            (.snappy, "82534e41505059000000000100000001ffffffff00", "a block of negative length"),
            (.snappy, "82534e4150505900000000010000000100000000", "a block without bytes"),
            (.zstd, "28b52ffde000000000000100000100000000", "a frame that claims 2 TiB"),
            (.zstd, "28b52ffd00f8010000", "a window of two terabytes"),
            (.lz4, "04224d1868400000000000000001004000000000", "a content size of 2^48 with a wrong checksum"),
        ])
    func claims(_ codec: Codec, hex: String, what: String) {
        #expect(throws: RecordError.self, "\(what)") { try decompress(codec, Vectors.bytes(hex), limit: 1 << 40) }
    }

    @Test("lz4 frames whose blocks depend on one another are refused, as Java refuses them")
    func linkedBlocks() throws {
        var packed = try compress(.lz4, Self.inputs[2])
        packed[4] &= ~0x20
        #expect(throws: RecordError.corrupt("the blocks of the lz4 frame are not independent")) {
            try decompress(.lz4, packed, limit: 1000)
        }
    }

    @Test("bytes behind an lz4 frame are refused, further gzip members are read")
    func following() throws {
        let input = Self.inputs[2]
        let lz4 = try compress(.lz4, input)
        #expect(throws: RecordError.corrupt("1 bytes after the lz4 frame")) {
            try decompress(.lz4, lz4 + [0], limit: 1000)
        }
        let gzip = try compress(.gzip, input)
        #expect(try decompress(.gzip, gzip + gzip, limit: 1000) == input + input)
        #expect(throws: RecordError.self) { try decompress(.gzip, gzip + [0], limit: 1000) }
    }
}

import Foundation
import Records
import TestSupport
import Testing

private struct Hashes: Decodable {
    struct Key: Decodable {
        var key: String
        var murmur2: UInt32
        var java_mod_6: UInt32
        var java_mod_50: UInt32
    }
    var partitioners: [Key]
}

@Suite("Hashes and ids")
struct IdentityTests {
    @Test("murmur2 is Java's", .enabled(if: Shared.directory != nil, "\(Shared.missing)"))
    func vectors() throws {
        let hashes = try JSONDecoder().decode(Hashes.self, from: Data(Vectors.file("hashes.json")))
        #expect(hashes.partitioners.count >= 6)
        for expected in hashes.partitioners {
            let hash = Model.hash(Array(expected.key.utf8))
            #expect(hash == expected.murmur2)
            #expect((hash & 0x7fff_ffff) % 6 == expected.java_mod_6)
            #expect((hash & 0x7fff_ffff) % 50 == expected.java_mod_50)
        }
    }

    @Test("murmur2 of known keys, whatever their alignment")
    func known() {
        let padded = Array("xxxThe quick brown fox jumps over the lazy dog".utf8)
        for start in 0...3 {
            let moved = padded[..<start] + padded[3...]
            #expect(Model.hash(Array(moved[start...])) == 495_243_318)
            let slice = moved[start...]
            #expect(murmur2(slice.rawSpan) == 495_243_318)
        }
        #expect(Model.hash([]) == 275_646_681)
    }

    @Test("a topic id is shown in 22 characters and read back", arguments: Seeds.some(50))
    func topicIDs(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let id = TopicID(high: random.next(), low: random.next())
        #expect(id.description.utf8.count == 22)
        #expect(TopicID(text: id.description) == id)
        var bytes = ByteWriter()
        bytes.write(id.high)
        bytes.write(id.low)
        let base64 = Data(bytes.bytes).base64EncodedString().prefix(22)
        #expect(id.description == base64.replacing("+", with: "-").replacing("/", with: "_"))
    }

    @Test(
        "text that is no topic id is refused",
        arguments: [
            "", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAA+A",
            "é",
        ])
    func otherText(_ text: String) {
        #expect(TopicID(text: text) == nil)
        #expect(TopicID(text: "AAAAAAAAAAAAAAAAAAAAAA") == .zero)
    }
}

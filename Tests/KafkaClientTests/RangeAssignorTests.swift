import KafkaClient
import TestSupport
import Testing

@Suite struct RangeAssignorTests {
    @Test("gives consecutive ranges in the order of the member ids, the first ones larger by one")
    func ranges() {
        let assignment = RangeAssignor.assign(["b": ["t"], "a": ["t"], "c": ["t"]], partitions: ["t": 8])
        #expect(assignment["a"]?.map(\.partition) == [0, 1, 2])
        #expect(assignment["b"]?.map(\.partition) == [3, 4, 5])
        #expect(assignment["c"]?.map(\.partition) == [6, 7])
    }

    @Test("leaves members over when there are fewer partitions")
    func fewer() {
        let assignment = RangeAssignor.assign(["a": ["t"], "b": ["t"]], partitions: ["t": 1])
        #expect(assignment == ["a": [TopicPartition("t", 0)], "b": []])
    }

    @Test("gives every partition to exactly one subscriber, evenly", arguments: 0..<50)
    func property(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let counts: [String: Int32] = [
            "x": .random(in: 0...20, using: &random), "y": .random(in: 0...20, using: &random),
        ]
        var subscriptions: [String: [String]] = [:]
        for member in 0..<Int.random(in: 1...7, using: &random) {
            subscriptions["m\(member)"] = ["x", "y", "gone"].filter { _ in .random(using: &random) }
        }
        let assignment = RangeAssignor.assign(subscriptions, partitions: counts)
        #expect(Set(assignment.keys) == Set(subscriptions.keys))
        for topic in ["x", "y"] {
            let subscribers = subscriptions.filter { $0.value.contains(topic) }.keys
            let given = subscribers.map { assignment[$0]?.filter { $0.topic == topic } ?? [] }
            let expected = subscribers.isEmpty ? 0 : counts[topic] ?? 0
            #expect(given.joined().map(\.partition).sorted() == Array(0..<expected))
            #expect((given.map(\.count).max() ?? 0) - (given.map(\.count).min() ?? 0) <= 1)
        }
        for (member, partitions) in assignment {
            #expect(partitions.allSatisfy { subscriptions[member]?.contains($0.topic) ?? false })
        }
    }
}

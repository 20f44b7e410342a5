import CommitLog
import Records
import TestSupport
import Testing

/// A data directory that was written to at random, and what must be in it.
struct GeneratedLog {
    let memory = MemoryDisk()
    let directory: DataDirectory
    /// By partition of the topic `t`: the values, by offset.
    private(set) var values: [[String]]
    /// Positions as last committed.
    private(set) var positions: [UInt64: Int64] = [:]

    var topic: Topic { get throws { try #require(directory.topic(named: "t")) } }

    init(seed: UInt64, steps: Int = 60) throws {
        var random = SeededGenerator(seed: seed)
        directory = try DataDirectory.open("/d", disk: memory.disk)
        let partitions = Int.random(in: 1...3, using: &random)
        let topic = try directory.createTopic("t", partitions: partitions, configuration: Make.tiny)
        values = Array(repeating: [], count: partitions)
        for step in 0..<steps {
            let place = Int.random(in: 0..<partitions, using: &random)
            let some = (0..<Int.random(in: 1...4, using: &random)).map { "\(step).\($0) " + Self.filler(&random) }
            let partition = topic.partitions[place]
            switch Int.random(in: 0..<3, using: &random) {
            case 0:
                let codec = Codec.allCases.randomElement(using: &random) ?? .none
                _ = try directory.append(
                    Make.batch(some, timestamp: Make.time + Int64(step * 7 % 50), codec: codec), to: partition)
            case 1:
                let producer = ProducerStamp(
                    id: 7, epoch: 0, baseSequence: partition.nextSequence(producerId: 7, epoch: 0))
                _ = try directory.append(Make.batch(some, producer: producer), to: partition)
            default:
                let inode = UInt64.random(in: 1...3, using: &random)
                _ = try directory.append(
                    directory.round(
                        "p", [(partition, [some])], positions: [Make.position(Int64(step), inode: inode)]))
                positions[inode] = Int64(step)
            }
            values[place] += some
        }
    }

    private static func filler(_ random: inout SeededGenerator) -> String {
        String(repeating: "x", count: Int.random(in: 0...60, using: &random))
    }
}

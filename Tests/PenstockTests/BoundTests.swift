import Broker
import CommitLog
import Records
import Settings
import TestSupport
import Testing

@testable import penstock

@Suite("bounds of penstock run") struct BoundTests {
    /// What `penstock run` is told with these words.
    private func options(_ words: [String]) -> (options: RunOptions?, mistakes: [String]) {
        var reader = NodeReader(mistakes: Mistakes(file: ""))
        let options = FlagReader.read(RunOptions.self, from: words, &reader)
        return (options, reader.mistakes.all.map(\.description))
    }

    @Test("each bound changes what it is called after, and nothing else", arguments: NamedBound.all.map(\.name))
    func each(name: String) throws {
        let bound = try #require(NamedBound.named(name))
        #expect(bound.range.contains(bound.standard))
        let value = bound.standard == bound.range.lowerBound ? bound.standard + 1 : bound.standard - 1
        let changed = Bounds([try #require(try BoundSetting.parse("\(name)=\(value)"))])
        for other in NamedBound.all {
            #expect(other.read(changed) == (other.name == name ? value : other.standard), "\(other.name)")
        }
    }

    @Test("no two bounds have one name, and the last value of a name counts")
    func names() throws {
        #expect(Set(NamedBound.all.map(\.name)).count == NamedBound.all.count)
        let words = ["--set", "fetch.max.bytes=2000", "--set=fetch.max.bytes=3000"]
        #expect(try #require(options(words).options).broker.fetchMaxBytes == 3000)
    }

    @Test("a bound on the command line comes to the log and to the broker, beside what other options say")
    func reaches() throws {
        let words = [
            "--visible", "synced", "--partitions", "3", "--set", "log.cleaner.dedupe.buffer.size=1048576",
            "--set", "log.flush.offset.checkpoint.interval.ms=250",
        ]
        let read = try #require(options(words).options)
        #expect(read.log.cleaner.mapBytes == 1 << 20)
        #expect(read.log.visibility == .synced)
        #expect(read.broker.checkpointInterval == .milliseconds(250))
        #expect(read.broker.defaultPartitions == 3)
    }

    @Test("a log that is opened with a bound keeps to it")
    func isKept() throws {
        let read = try #require(options(["--set", "penstock.partition.producers=2"]).options)
        let directory = try DataDirectory.open("/d", options: read.log, disk: MemoryDisk().disk)
        let partition = try directory.createTopic("t", partitions: 1).partitions[0]
        for producer in 0..<5 {
            let batch = try RecordBatch.encode(
                [Record(timestamp: 1, value: [1])], producerId: Int64(producer), producerEpoch: 0, baseSequence: 0)
            _ = try directory.append(batch, to: partition)
        }
        #expect(partition.producers().map(\.producerId) == [3, 4])
    }

    @Test(
        "a bound that is misspelt, missing or out of range is refused with what would do",
        arguments: [
            ("log.cleaner.dedup.buffer.size=1", "did you mean 'log.cleaner.dedupe.buffer.size'?"),
            ("nothing", "expected NAME=VALUE"),
            ("fetch.max.bytes=0", "fetch.max.bytes: expected a whole number from 1024 to 2147483647, found '0'"),
            ("fetch.max.bytes=lots", "found 'lots'"),
            ("log.cleaner.backoff.ms=9223372036854775807", "from 1 to 31536000000"),
        ])
    func refused(text: String, expected: String) {
        let (options, mistakes) = options(["--set", text])
        #expect(options == nil)
        #expect(mistakes.count == 1 && mistakes[0].contains(expected), "\(mistakes)")
    }

    @Test("the reference page has every bound")
    func page() {
        for bound in NamedBound.all { #expect(Reference.bounds.contains("| `\(bound.name)` |")) }
    }
}

import CommitLog
import Foundation
import Records
import TestSupport
import Testing

/// Kafka's own tool on transactional logs of ours.
@Suite struct TransactionDumpTests {
    @Test(
        "Kafka's own tool reads our markers, transaction indexes and producer snapshots",
        .enabled(if: DumpLog.tool != nil, "no Kafka kit or no java"))
    func dump() throws {
        try Make.withDirectory { path in
            let directory = try DataDirectory.open(path)
            let partition = try directory.createTopic("t", partitions: 1, configuration: Make.tiny).partitions[0]
            for number in 0..<8 {
                for producer: Int64 in [7001, 7002] {
                    _ = try directory.append(
                        Make.batch(
                            ["\(producer) a \(number)", "b"],
                            producer: ProducerStamp(id: producer, epoch: 3, baseSequence: Int32(number * 2)),
                            isTransactional: true), to: partition)
                }
                for producer: Int64 in [7001, 7002] {
                    _ = try directory.append(
                        TransactionMarker(producer == 7001 ? .abort : .commit, coordinatorEpoch: 5),
                        producer: producer, epoch: 3, timestamp: Make.time, to: partition)
                }
            }
            let aborted = try partition.abortedTransactions(from: 0, upTo: partition.lastStable)
            #expect(aborted.map(\.firstOffset) == (0..<8).map { Int64($0 * 6) })
            try directory.close()

            let names = try FileManager.default.contentsOfDirectory(atPath: path + "/t-0").sorted()
            func dump(_ suffix: String) throws -> String {
                try DumpLog.run(names.filter { $0.hasSuffix(suffix) }.map { path + "/t-0/" + $0 })
            }
            let log = try dump(".log")
            #expect(log.components(separatedBy: "endTxnMarker: ABORT coordinatorEpoch: 5").count - 1 == 8)
            #expect(log.components(separatedBy: "endTxnMarker: COMMIT coordinatorEpoch: 5").count - 1 == 8)
            #expect(!log.contains("isvalid: false"))
            let index = try dump(".txnindex")
            for entry in aborted {
                #expect(index.contains("producerId: 7001 firstOffset: \(entry.firstOffset)"), "\(index)")
                #expect(index.contains("lastOffset: \(entry.lastOffset)"), "\(index)")
            }
            let snapshots = try dump(".snapshot")
            #expect(snapshots.contains("producerId: 7001 producerEpoch: 3 coordinatorEpoch: 5"), "\(snapshots)")
            #expect(names.contains("00000000000000000048.snapshot"), "\(names)")
        }
    }
}

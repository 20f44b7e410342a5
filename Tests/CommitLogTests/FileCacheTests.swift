@testable import CommitLog
import Foundation
import Glibc
import Platform
import Records
import TestSupport
import Testing

/// The machine's disk with a count of what is open. Nothing is synced: power is not lost here.
final class CountingDisk: Sendable {
    struct Counts {
        var open = 0
        var mostOpen = 0
        var opens = 0
    }

    let counts = Lock(Counts())

    var disk: Disk {
        var disk = Disk.real
        disk.open = { (path, mode) throws(DiskError) in
            CountedFile(try Disk.real.open(path, mode), self.counts)
        }
        disk.syncDirectory = { _ in }
        return disk
    }
}

private final class CountedFile: DiskFile {
    private let file: any DiskFile
    private let counts: Lock<CountingDisk.Counts>

    init(_ file: any DiskFile, _ counts: Lock<CountingDisk.Counts>) {
        self.file = file
        self.counts = counts
        counts.withLock { counts in
            counts.open += 1
            counts.opens += 1
            counts.mostOpen = max(counts.mostOpen, counts.open)
        }
    }

    deinit { counts.withLock { $0.open -= 1 } }

    var path: String { file.path }
    var descriptor: Int32? { file.descriptor }
    func readOnce(into buffer: UnsafeMutableRawBufferPointer, at position: Int64?) throws(DiskError) -> Int {
        // Safety: lent by the caller for this call.
        try unsafe file.readOnce(into: buffer, at: position)
    }
    func writeOnce(_ vectors: UnsafeBufferPointer<iovec>, at position: Int64) throws(DiskError) -> Int {
        // Safety: as above.
        try unsafe file.writeOnce(vectors, at: position)
    }
    func sync() throws(DiskError) {}
    func truncate(to size: Int64) throws(DiskError) { try file.truncate(to: size) }
    func allocate(_ bytes: Int64) throws(DiskError) { try file.allocate(bytes) }
    func status() throws(DiskError) -> FileStatus { try file.status() }
    func lock() throws(DiskError) { try file.lock() }
    func map(length: Int) throws(DiskError) -> MappedBytes { try file.map(length: length) }
    func close() { file.close() }
}

@Suite struct FileCacheTests {
    @Test("ten thousand partitions are written and read with a hundred open files")
    func manyPartitions() throws {
        try Make.withDirectory(inMemory: true) { path in
            let counting = CountingDisk()
            var options = LogOptions()
            options.openFiles = 100
            options.mappedBytes = 1 << 16
            options.reserveBytes = 0
            // Beside the segments': the lock, and what one append or one step of an opening has in its hands.
            let bound = options.openFiles + 12
            let count = 10_000
            func directory() throws -> DataDirectory {
                try DataDirectory.open(path, options: options, disk: counting.disk)
            }
            func check(_ directory: DataDirectory, _ what: Comment) {
                #expect(counting.counts.withLock { $0.mostOpen } <= bound, what)
                #expect(directory.keptOpen.files <= 50, what)
                #expect(directory.keptOpen.mappedBytes <= options.mappedBytes, what)
            }
            var opened = try directory()
            var topic = try opened.createTopic("t", partitions: count, configuration: Make.tiny)
            check(opened, "created")
            for (number, partition) in topic.partitions.enumerated() {
                // Every third one has a closed segment.
                let size = number % 3 == 0 ? 400 : 10
                for _ in 0..<2 {
                    _ = try opened.append(
                        Make.batch(["value \(number)", String(repeating: "x", count: size)]), to: partition)
                }
            }
            check(opened, "written")
            for isReopened in [false, true] {
                if isReopened {
                    try opened.close()
                    check(opened, "closed")
                    opened = try directory()
                    topic = try #require(opened.topic(named: "t"))
                }
                for (number, partition) in topic.partitions.enumerated() {
                    #expect(try partition.allValues(maxBytes: 1000)[0] == "value \(number)")
                    #expect(try partition.offset(atOrAfter: Make.time)?.offset == 0)
                }
                check(opened, "read")
            }
            try opened.close()
        }
    }

    @Test("no more indexes are mapped than a process may have mappings, however small they are")
    func smallIndexes() throws {
        let files = FileCache(disk: MemoryDisk().disk, openFiles: 10, mappedBytes: 256 << 20)
        let segments = (0..<20_000).map { base in
            Segment(
                closed: Offset(base), in: "/s", size: 0, nextOffset: Offset(base), indexInterval: 4096, files: files)
        }
        for segment in segments {
            _ = try segment.keep(MappedBytes(copying: [UInt8](repeating: 0, count: 12)), 12, .timeIndex, \.times)
        }
        let kept = segments.count { segment in segment.state.withLock { $0.times != nil } }
        #expect((FileCache.mappingLimit / 2...FileCache.mappingLimit).contains(kept))
    }

    @Test("what aborted transactions are written into is not kept open")
    func transactionIndexes() throws {
        try Make.withDirectory(inMemory: true) { path in
            let counting = CountingDisk()
            var options = LogOptions()
            options.openFiles = 8
            options.reserveBytes = 0
            let directory = try DataDirectory.open(path, options: options, disk: counting.disk)
            let topic = try directory.createTopic("t", partitions: 40)
            for partition in topic.partitions {
                let producer = ProducerStamp(id: 7, epoch: 0, baseSequence: 0)
                _ = try directory.append(Make.batch(["x"], producer: producer, isTransactional: true), to: partition)
                _ = try directory.append(
                    TransactionMarker(.abort, coordinatorEpoch: 0), producer: 7, epoch: 0, timestamp: Make.time,
                    to: partition)
            }
            try directory.sync()
            // The lock, and half of those that may be open.
            #expect(counting.counts.withLock { $0.open } <= 1 + options.openFiles / 2)
            for partition in topic.partitions {
                #expect(try partition.abortedTransactions(from: 0, upTo: 2).map(\.producerId) == [7])
            }
            try directory.close()
        }
    }
}

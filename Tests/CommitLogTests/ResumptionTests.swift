import Records
import TestSupport
import Testing

@testable import CommitLog

/// Where a walk over a segment goes on behind damage.
@Suite struct ResumptionTests {
    private static let path = "/log"

    /// Damage, heads of batches that are not there, and a batch.
    private func file(heads: Int, length: UInt32, _ memory: MemoryDisk) throws -> (
        file: any DiskFile, batch: Int64, end: Int64
    ) {
        let batch = try RecordBatch.encode([Record(timestamp: 1, value: [1])])
        let whole = batch.withUnsafeBytes { Array($0) }
        var head = Array(whole.prefix(BatchHeader.size))
        for index in 0..<4 { head[8 + index] = UInt8(truncatingIfNeeded: length >> UInt32(8 * (3 - index))) }
        var bytes = [UInt8](repeating: 0xff, count: BatchHeader.size)
        for _ in 0..<heads { bytes += head }
        bytes += whole
        let file = try memory.disk.open(Self.path, .create)
        try file.write(bytes, at: 0)
        return (file, Int64(bytes.count - whole.count), Int64(bytes.count))
    }

    @Test("a batch behind damage is found, also behind what only looks like one")
    func found() throws {
        for heads in [0, 1, 50] {
            let (file, batch, end) = try file(heads: heads, length: 100, MemoryDisk())
            #expect(try Resumption.next(in: file, behind: 0, end: end) == batch, "\(heads)")
        }
    }

    @Test("bytes that look like long batches everywhere are not walked over once for each")
    func bounded() throws {
        let memory = MemoryDisk()
        let (file, _, end) = try file(heads: 10_000, length: 300_000, memory)
        let before = memory.calls
        #expect(try Resumption.next(in: file, behind: 0, end: end) == nil)
        // Each takes a read or two.
        #expect(memory.calls - before < 500)
    }
}

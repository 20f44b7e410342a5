import Glibc
import Platform
import Records

/// An index is never trusted: what it says is looked up in the log, and if that is not there it is made again.
extension Segment {
    /// Runs something that uses the indexes. If they cannot be those of this segment, makes them anew from the log's
    /// headers and runs it again.
    func withIndexes<Result>(_ body: () throws(DiskError) -> Result) throws(DiskError) -> Result {
        let repairs = state.withLock { $0.repairs }
        do throws(DiskError) { return try body() } catch {
            guard error.isDamage, isIndex(error.path) else { throw error }
            try makeIndexesAnew(unlessAfter: repairs)
        }
        return try body()
    }

    private func isIndex(_ path: String) -> Bool { IndexKind.allCases.contains { path.hasSuffix($0.suffix) } }

    /// - Parameter repairs: when the fault was found; nothing is done if another thread has made them anew since.
    private func makeIndexesAnew(unlessAfter repairs: Int) throws(DiskError) {
        try files.rebuilding.withLock { (count) throws(DiskError) in
            guard state.withLock({ $0.repairs == repairs }) else { return }
            count += 1
            let (size, next, interval) = state.withLock { ($0.size, $0.nextOffset, $0.indexInterval) }
            var builder = IndexBuilder(base: base, interval: interval)
            var offsets = base..<max(base, nextOffset)
            var scanner = try scanner(from: 0, to: size)
            walk: while true {
                switch try scanner.next() {
                case .batch(let batch):
                    try check(batch, in: offsets)
                    offsets = batch.nextOffset..<offsets.upperBound
                    builder.take(batch)
                case .end: break walk
                case .bad(let reason): throw damage(at: scanner.position, reason)
                }
            }
            let isGrowing = state.withLock { state in
                guard state.builder != nil else { return false }
                // The writer writes them, all of them, when it next writes anything.
                state.builder?.replaceWritten(by: builder, upTo: size, next: next)
                (state.offsets, state.times) = (nil, nil)
                state.repairs += 1
                return true
            }
            if isGrowing { return }
            builder.finish()
            try replaceIndexes(builder)
        }
    }

    /// Of a closed segment.
    private func replaceIndexes(_ builder: IndexBuilder) throws(DiskError) {
        let all: [(kind: IndexKind, bytes: [UInt8])] = [
            (.offsets, OffsetIndex.encode(builder.offsets)), (.times, TimeIndex.encode(builder.times)),
        ]
        state.withLock { state in
            (state.offsets, state.times) = (nil, nil)
            state.largest = builder.largest
            state.repairs += 1
        }
        for (kind, bytes) in all {
            // Whatever becomes of the file: the bytes are right. If it cannot be written it is made again another time.
            _ = try keep(MappedBytes(copying: bytes), bytes.count, kind.resource, kind.place)
            try? replaceFile(kind.suffix, with: bytes)
        }
    }

    /// A reader may still have the old one mapped, so that one keeps its bytes.
    private func replaceFile(_ suffix: String, with bytes: [UInt8]) throws(DiskError) {
        let (path, _) = try name(suffix)
        let file = try files.disk.open(path + ".tmp", .create)
        try file.truncate(to: 0)
        try file.write(bytes, at: 0)
        try file.syncWhole()
        try state.withLock { (state) throws(DiskError) in
            // Else it would take the name of another segment's.
            guard !state.isRetired else { return try files.disk.removeIfThere(path + ".tmp") }
            try files.disk.rename(path + ".tmp", path)
        }
    }

    /// What is thrown when the log itself does not go on where it must.
    func damage(at position: Int64, _ reason: String) -> DiskError {
        DiskError(operation: "go on at byte \(position) (\(reason)) of", path: logPath, code: EBADMSG)
    }
}

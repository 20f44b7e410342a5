import Glibc
import Platform
import Records

/// What is open of a segment, and for how long.
extension Segment {
    /// The open log file.
    func file() throws(DiskError) -> any DiskFile {
        if let file = state.withLock({ $0.log?.use() }) { return file }
        let (path, mode) = try name(".log")
        let file = try files.disk.open(path, mode)
        return try keep(file, 1, .log, \.log)
    }

    /// Takes over the log file of a segment that was just made.
    func adopt(_ file: any DiskFile) {
        _ = try? keep(file, 1, .log, \.log)  // fails for a retired segment only
    }

    /// Reads batch headers from a border on, up to `end`.
    func scanner(from start: Int64, to end: Int64, readsAhead: Bool = true) throws(DiskError) -> BatchScanner {
        BatchScanner(try file(), from: start, to: end, checksCRC: false, readsAhead: readsAhead)
    }

    /// Where a file of the segment is found now, and how it is opened.
    func name(_ suffix: String) throws(DiskError) -> (String, Disk.OpenMode) {
        let (swap, isClosed, isRetired) = state.withLock { ($0.suffix, $0.builder == nil, $0.isRetired) }
        let path = stem + suffix + swap
        guard !isRetired else { throw DiskError(operation: "open", path: path, code: ENOENT) }
        return (path, isClosed ? .read : .readWrite)
    }

    /// Keeps something that was opened; if another thread was faster, what that one opened.
    /// - Parameter isCurrent: asked at the same moment: what is outdated by now is not kept.
    func keep<Value>(
        _ value: Value, _ size: Int, _ resource: FileCache.Resource,
        _ place: WritableKeyPath<State, Kept<Value>?>, if isCurrent: (State) -> Bool = { _ in true }
    ) throws(DiskError) -> Value {
        let (there, ticket): (Value?, UInt64) = try state.withLock { (state) throws(DiskError) in
            // By now the name may be another's, and so may what was opened.
            guard !state.isRetired else { throw DiskError(operation: "open", path: logPath, code: ENOENT) }
            guard isCurrent(state) else { return (value, 0) }
            if let there = state[keyPath: place]?.use() { return (there, 0) }
            state.ticket += 1
            state[keyPath: place] = Kept(value, state.ticket)
            return (nil, state.ticket)
        }
        if let there { return there }
        files.admit(resource, of: self, ticket: ticket, size: size)
        return value
    }

    /// Asked by the cache: lets go of something that was not used since it last asked.
    func giveUp(_ resource: FileCache.Resource, ticket: UInt64) -> EvictionClock.Answer {
        state.withLock { state in
            let isHeld = state.isHeld
            return switch resource {
            case .log: Self.giveUp(&state.log, ticket, isHeld)
            case .offsetIndex: Self.giveUp(&state.offsets, ticket, isHeld)
            case .timeIndex: Self.giveUp(&state.times, ticket, isHeld)
            }
        }
    }

    private static func giveUp<Value>(
        _ kept: inout Kept<Value>?, _ ticket: UInt64, _ isHeld: Bool
    ) -> EvictionClock.Answer {
        // Another ticket: it was let go already, and opened anew.
        guard let value = kept?.value, kept?.ticket == ticket else { return .gone }
        if isHeld || kept?.isNeeded() ?? false { return .usedMeanwhile }
        kept = nil
        return .given(value)
    }

    // MARK: - When another segment comes in its place

    /// Opens everything and keeps it, whatever the cache says, until ``settle()``: the files are about to be renamed.
    func hold() throws(DiskError) {
        state.withLock { $0.isHeld = true }
        do throws(DiskError) {
            _ = try file()
            _ = try written(.offsets) { _ in }
            _ = try written(.times) { _ in }
            try aborted.hold()
        } catch {
            state.withLock { $0.isHeld = false }
            throw error
        }
    }

    /// The files have their names: from now on they are opened by these, and kept as the cache likes.
    func settle() {
        let aborted = state.withLock { state in
            state.isHeld = false
            state.suffix = ""
            return state.aborted
        }
        aborted?.settle()
    }

    /// The files' names may be others' from now on. What is open stays readable; nothing is opened any more, as if it were
    /// not there. Comes before the files are renamed or removed.
    func retire() {
        let aborted = state.withLock { state in
            state.isRetired = true
            return state.aborted
        }
        aborted?.retire()
    }
}

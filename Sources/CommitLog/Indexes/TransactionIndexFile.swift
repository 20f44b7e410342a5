import Glibc
import Platform
import Records

/// The `.txnindex` of one segment: appended to by the partition's writer, read by anyone.
final class TransactionIndexFile: Sendable {
    private let directory: String
    private let base: Offset
    private let files: FileCache
    private var disk: Disk { files.disk }
    private let state: Lock<State>

    private struct State {
        /// Whole entries; nil while nobody has looked.
        var count: Int?
        /// While an append is not committed yet, or the files are about to be renamed.
        var file: (any DiskFile)?
        /// `.swap` while compaction has not given the file its name.
        var suffix: String
        /// The name may be another segment's by now.
        var isRetired = false
    }

    /// Entries read in one go.
    private static let window = 1_024

    init(in directory: String, base: Offset, files: FileCache, suffix: String, isRetired: Bool) {
        self.directory = directory
        self.base = base
        self.files = files
        state = Lock(State(suffix: suffix, isRetired: isRetired))
    }

    /// - Throws: as if the file were missing, once its name may be another's.
    private func path(_ state: State) throws(DiskError) -> String {
        let path = Segment.stem(directory, base) + TransactionIndex.suffix + state.suffix
        guard !state.isRetired else { throw DiskError(operation: "open", path: path, code: ENOENT) }
        return path
    }

    /// How many entries there are.
    func count() throws(DiskError) -> Int {
        try state.withLock { (state) throws(DiskError) in try count(&state) }
    }

    /// Writes an entry behind the others. On an error ``cutBack(to:)`` must follow.
    /// - Returns: the file, which has unsynced bytes; its name is new if there was no entry before.
    func append(_ entry: AbortedTransaction) throws(DiskError) -> any DiskFile {
        try state.withLock { (state) throws(DiskError) in
            let before = try count(&state)
            let file: any DiskFile
            if let there = state.file { file = there } else { file = try disk.open(path(state), .create) }
            state.file = file
            try file.write(TransactionIndex.encode([entry]), at: Int64(before * TransactionIndex.entrySize))
            state.count = before + 1
            return file
        }
    }

    /// Takes away what ``append(_:)`` left.
    /// - Returns: the file, if there is one: its length is unsynced.
    func cutBack(to count: Int) throws(DiskError) -> (any DiskFile)? {
        try state.withLock { (state) throws(DiskError) in
            state.count = count
            try state.file?.truncate(to: Int64(count * TransactionIndex.entrySize))
            return state.file
        }
    }

    /// Nothing is cut back from now on: the descriptor goes once it is synced.
    func close() { state.withLock { $0.file = nil } }

    /// Calls `body` with each entry in the order of the markers, until it returns false.
    /// - Throws: what the disk says; damage for bytes that are no entry: who left them out would show what was aborted.
    /// - Returns: whether `body` wants more.
    func forEach(_ body: (AbortedTransaction) -> Bool) throws(DiskError) -> Bool {
        let (count, open) = try state.withLock { (state) throws(DiskError) -> (Int, (any DiskFile)?) in
            let count = try self.count(&state)
            if count == 0 { return (0, nil) }
            // Opened under the lock, so that it is not renamed between a look at its name and this.
            if let open = state.file { return (count, open) }
            return (count, try disk.open(path(state), .read))
        }
        guard let file = open else { return true }
        var place = 0
        var last: Offset = -1
        while place < count {
            let wanted = min(Self.window, count - place) * TransactionIndex.entrySize
            let bytes = try file.readBytes(at: Int64(place * TransactionIndex.entrySize), count: wanted)
            do throws(RecordError) {
                guard bytes.count == wanted else { throw .truncated(needed: wanted, remaining: bytes.count) }
                let entries = try TransactionIndex.decode(bytes[...], after: last)
                for entry in entries where !body(entry) { return false }
                last = entries.last?.lastOffset ?? last
            } catch {
                throw DiskError(
                    operation: "find aborted transactions (\(error); penstock log repair makes the file anew) in",
                    path: file.path, code: EBADMSG)
            }
            place += wanted / TransactionIndex.entrySize
        }
        return true
    }

    private func count(_ state: inout State) throws(DiskError) -> Int {
        if let count = state.count { return count }
        var size: Int64 = 0
        do throws(DiskError) { size = try disk.status(path(state)).size } catch {
            guard error.isMissing, !state.isRetired else { throw error }
        }
        let count = Int(size) / TransactionIndex.entrySize
        state.count = count
        return count
    }

    // MARK: - When another segment comes in its place

    /// Opens the file, if there are entries, and keeps it until ``settle()``.
    func hold() throws(DiskError) {
        try state.withLock { (state) throws(DiskError) in
            if try count(&state) > 0 { state.file = try disk.open(path(state), .read) }
        }
    }

    /// The file has its name.
    func settle() {
        state.withLock { state in
            state.suffix = ""
            state.file = nil
        }
    }

    /// The name may be another's from now on: nothing is opened any more.
    func retire() { state.withLock { $0.isRetired = true } }

    // MARK: - Recovery

    /// Makes the file hold exactly these entries, durably but for its directory's names; none at all removes it.
    /// - Parameter offset: what the file says of markers below it was durable, and stays before the entries; nil if nothing
    ///   was.
    /// - Parameter keepsSane: leaves a file that can be read as it is, whatever it says: its maker knew more.
    /// - Returns: whether anything changed.
    static func restore(
        _ entries: [AbortedTransaction], from offset: Offset? = nil, stem: String, keepsSane: Bool, disk: Disk
    ) throws(DiskError) -> Bool {
        let path = stem + TransactionIndex.suffix
        let there = try disk.readFile(path, limit: Int(Int32.max))
        // What rotted below is not made good by leaving it out.
        guard let kept = try? TransactionIndex.entries(of: there ?? [], below: offset ?? 0) else { return false }
        let right = TransactionIndex.encode(kept + entries)
        if there ?? [] == right { return false }
        if let there, keepsSane, !there.isEmpty, (try? TransactionIndex.decode(there[...])) != nil { return false }
        guard !right.isEmpty else {
            try disk.removeIfThere(path)
            return true
        }
        let file = try disk.open(path, .create)
        try file.write(right, at: 0)
        try file.truncate(to: Int64(right.count))
        try file.syncWhole()
        return true
    }
}

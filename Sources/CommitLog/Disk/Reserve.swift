import Glibc
import Records
import Synchronization

/// Room on the disk that is kept for what must not fail when the disk is full: group offsets, topics being deleted,
/// checkpoints, a clean stop, and the copies that recovery makes.
///
/// It is a file, `penstock-reserve`, that says how many bytes are allocated for it (beyond its end). When one of those
/// finds the disk full, the file is removed, and the room is theirs: ordinary appends are refused as if the disk were
/// full until the reserve can be made again.
final class Reserve: Sendable {
    static let fileName = "penstock-reserve"

    private let directory: String
    private let disk: Disk
    /// Bytes that it has when it is whole; 0 is no reserve.
    private let size: Int64
    private let whole: Atomic<Bool>

    /// Makes the reserve in a data directory, or takes up the one that is there.
    ///
    /// A sixteenth of the free space is the most that is taken, so that a small disk is not all reserve. A file system
    /// that cannot allocate has none.
    /// - Parameter wanted: in bytes; 0 takes one that is there away.
    init(in directory: String, wanted: Int64, disk: Disk) {
        self.directory = directory
        self.disk = disk
        let path = "\(directory)/\(Self.fileName)"
        let existing = try? disk.readFile(path, limit: 32)
        let found = existing.flatMap { Int64(String(decoding: $0, as: UTF8.self).split(separator: "\n").first ?? "") }
        let free = (try? disk.availableBytes(directory)) ?? 0
        size = max(0, min(wanted, found.map { max($0, free / 16) } ?? free / 16))
        whole = Atomic(false)
        if size > 0 { whole.store(make(), ordering: .relaxed) } else { try? disk.removeIfThere(path) }
    }

    private var path: String { "\(directory)/\(Self.fileName)" }

    /// Whether ordinary appends may go on: at once if nothing was taken from the reserve, else if it can be made again.
    var allowsAppends: Bool {
        if size == 0 || whole.load(ordering: .relaxed) { return true }
        guard let free = try? disk.availableBytes(directory), free >= size, make() else { return false }
        whole.store(true, ordering: .relaxed)
        return true
    }

    /// Gives the room away.
    /// - Returns: whether there was any to give.
    func release() -> Bool {
        guard whole.exchange(false, ordering: .relaxed) else { return false }
        return Self.release(path, disk)
    }

    /// For an opening, which has no reserve yet.
    static func release(in directory: String, disk: Disk) -> Bool { release("\(directory)/\(fileName)", disk) }

    private static func release(_ path: String, _ disk: Disk) -> Bool {
        do throws(DiskError) {
            try disk.removeFile(path)
            return true
        } catch {
            return false
        }
    }

    /// What an ordinary append is told while the reserve is given away.
    var shortage: DiskError { DiskError(operation: "keep \(size) bytes in reserve at", path: path, code: ENOSPC) }

    private func make() -> Bool {
        do throws(DiskError) {
            let file = try disk.open(path, .create)
            do throws(DiskError) {
                try file.allocate(size)
                try file.write(Array("\(size)\n".utf8), at: 0)
                return true
            } catch {
                try disk.removeIfThere(path)
                return error.code == EOPNOTSUPP
            }
        } catch {
            return false
        }
    }
}

extension DataDirectory {
    /// Runs something that may use the reserve: again with its room, if the disk was full.
    func withReserve<Result>(_ body: () throws(StorageError) -> Result) throws(StorageError) -> Result {
        do throws(StorageError) { return try body() } catch {
            guard error.isFull, reserve.release() else { throw error }
            return try body()
        }
    }
}

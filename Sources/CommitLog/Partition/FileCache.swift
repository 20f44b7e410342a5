import Glibc
import Platform

/// Bounds what the segments of a data directory keep open: log files by their number, mapped indexes by their bytes.
///
/// A segment keeps what it opened, and uses it without asking here. The cache only knows who has something, and takes it
/// from those that did not use theirs for longest when there is too much of it. What someone is working with stays open
/// until he is done: a lent ``FileSpan``, say, keeps its file.
final class FileCache: Sendable {
    let disk: Disk
    /// Files that may have unsynced bytes before a pass is made to let go of them.
    let unsyncedLimit: Int
    /// Held by the one thread that makes an index anew.
    let rebuilding = Lock(0)
    private let files: Lock<EvictionClock>
    private let mappings: Lock<EvictionClock>
    /// What the smallest mapping counts for.
    private let leastMapped: Int

    /// Mappings at most, however small they are: a process may have 65,530 (`vm.max_map_count`), threads' stacks and
    /// libraries among them.
    static let mappingLimit = 16_384

    /// What a segment may keep.
    enum Resource: Hashable, Sendable { case log, offsetIndex, timeIndex }

    /// - Parameter openFiles: of segments altogether, but at most half of what the process may have open: one half of them
    ///   for reading and writing, the other for files with unsynced bytes.
    /// - Parameter mappedBytes: of indexes, each of which counts for a 16,384th of it at least.
    init(disk: Disk, openFiles: Int, mappedBytes: Int) {
        self.disk = disk
        let each = max(1, min(openFiles, Self.descriptorLimit / 2) / 2)
        unsyncedLimit = each
        files = Lock(EvictionClock(limit: each))
        mappings = Lock(EvictionClock(limit: max(0, mappedBytes)))
        leastMapped = max(1, mappedBytes / Self.mappingLimit)
    }

    convenience init(disk: Disk, options: LogOptions) {
        self.init(disk: disk, openFiles: options.openFiles, mappedBytes: options.mappedBytes)
    }

    private static var descriptorLimit: Int {
        var limit = rlimit()
        // Safety: `limit` outlives the call.
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        return Int(clamping: limit.rlim_cur)
    }

    /// Takes note of something that a segment keeps from now on, and takes from others what is too much. The caller must
    /// not hold its own lock.
    /// - Parameter ticket: says which opening it was, in case the segment lets go and opens anew.
    func admit(_ resource: Resource, of segment: Segment, ticket: UInt64, size: Int) {
        let size = resource == .log ? size : max(size, leastMapped)
        let entry = EvictionClock.Entry(segment: segment, resource: resource, ticket: ticket, size: size)
        let clock = resource == .log ? files : mappings
        // Closed, or unmapped, when the lock is let go.
        _ = clock.withLock { $0.admit(entry) }
    }

    /// Closes the files that nobody works with: the process has no descriptors left.
    func letGo() {
        _ = files.withLock { $0.shrink(to: 0) }
    }

    /// How many files are kept open, as far as is known; how many bytes are mapped.
    var kept: (files: Int, mappedBytes: Int) {
        (files.withLock { $0.total }, mappings.withLock { $0.total })
    }
}

/// Who keeps what, in a ring. A hand goes round it and takes from those that did not use theirs since it last came by:
/// nearly the least recently used, at no cost to who uses it.
struct EvictionClock {
    struct Entry {
        weak var segment: Segment?
        var resource: FileCache.Resource
        var ticket: UInt64
        var size: Int
    }

    /// What a segment says when it is asked for something.
    enum Answer { case given(any Sendable), gone, usedMeanwhile }

    private let limit: Int
    private var entries: [Entry] = []
    private var hand = 0
    /// Of all entries' sizes.
    private(set) var total = 0

    init(limit: Int) { self.limit = limit }

    /// - Returns: what was taken from others.
    mutating func admit(_ entry: Entry) -> [any Sendable] {
        total += entry.size
        // Behind the hand: the last to be asked.
        entries.append(entry)
        return shrink(to: limit)
    }

    /// - Returns: what was taken.
    mutating func shrink(to limit: Int) -> [any Sendable] {
        var taken: [any Sendable] = []
        // Twice round: the first time everybody may have used theirs.
        var steps = 2 * entries.count
        while total > limit, steps > 0 {
            steps -= 1
            if hand >= entries.count { hand = 0 }
            let asked = entries[hand]
            switch asked.segment?.giveUp(asked.resource, ticket: asked.ticket) ?? .gone {
            case .usedMeanwhile:
                hand += 1
                continue
            case .given(let value): taken.append(value)
            case .gone: break
            }
            total -= asked.size
            entries.swapAt(hand, entries.count - 1)
            entries.removeLast()
        }
        return taken
    }
}

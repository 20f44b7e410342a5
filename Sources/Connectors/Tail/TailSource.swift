package import CommitLog
package import Pipelines
import Platform
import Records
import Settings

/// The source `tail`: reads the files that its globs find, from their beginning, and goes on as they grow.
///
/// A file is known by device, inode and content, never by its path. A block may hold reads of many files; files take
/// turns. All calls come from the pipeline's thread, which does all the work: the kernel's notification only wakes it.
package final class TailSource: EventSource {
    let options: TailOptions
    let context: ComponentContext
    let globs: [Glob]
    let excludes: [Glob]
    var files: [FileIdentity: TailedFile] = [:]
    /// By every path that a glob found, and that away files have now.
    var byPath: [String: TailedFile] = [:]
    var byWatch: [Int32: TailedFile] = [:]
    var queue = ReadyQueue()
    /// Committed positions whose file was not found yet.
    var stored: [FileIdentity: SourcePosition] = [:]
    var folderWatch: FolderWatch?
    var lastScan = Instant(nanoseconds: .min)
    var nextScan = Instant(nanoseconds: .min)
    /// Files whose last line has no newline yet.
    var holding: [FileIdentity: TailedFile] = [:]
    /// The shortest time from one look to the next.
    var lookPause = shortestPause
    static let shortestPause = Duration.milliseconds(20)
    /// Said once each, until it is no longer so.
    var complaints: [String: String] = [:]
    /// Of those, the ones that leave lines unread.
    var unreadSubjects: Set<String> = []
    /// Paths that a glob found and nobody wants, so that it is said once.
    var leftOut: Set<String> = []
    /// Found since files were last put in order.
    var newcomers: [TailedFile] = []
    /// Position changes that wait for a batch to travel with.
    var pending: [PositionUpdate] = []
    var untilEnd = false
    /// Files that are found begin at their end.
    private(set) var passesOver = false
    private var blocks = BlockPool()
    private var capacity = smallest
    private var eventsHint = 0
    private var events = 0
    private var bytes: Int64 = 0
    private var splits = 0

    /// Bytes of a block while little comes: most files of most hosts are quiet.
    private static let smallest = 64 << 10

    package init(_ options: TailOptions, _ context: ComponentContext) {
        self.options = options
        self.context = context
        globs = options.paths.map(Glob.init)
        excludes = options.exclude.map(Glob.init)
    }

    var clock: Clock { context.shared.clock }
    var disk: Disk { context.shared.disk }
    package var longestEvent: Int { options.maxLine.bytes }

    package func start(from positions: [SourcePosition], untilEnd: Bool) throws {
        self.untilEnd = untilEnd
        remember(positions)
        folderWatch = FolderWatch()
        if folderWatch == nil {
            context.note(
                .warning,
                "the kernel gives no inotify instance (fs.inotify.max_user_instances): "
                    + "files are looked at every \(options.rescan.unitText) only")
        }
        look(clock.now())
    }

    /// A file that cannot be read now is a new one once it can be.
    package func startPassingOver(untilEnd: Bool) throws -> [PositionUpdate] {
        passesOver = true
        defer { passesOver = false }
        try start(from: [], untilEnd: untilEnd)
        return files.values.filter { $0.offset > 0 }.map {
            PositionUpdate(source: context.name, position: $0.position)
        }
    }

    package var descriptors: [Int32] { folderWatch.map { [$0.descriptor] } ?? [] }

    package func next() throws -> Pull {
        let now = clock.now()
        notice(now)
        while true {
            guard let batch = fill(now) else { break }
            if !batch.events.events.isEmpty || !batch.positions.isEmpty { return .batch(batch) }
        }
        return rest(now)
    }

    /// Reads ready files into one block.
    /// - Returns: nil when nothing was ready.
    private func fill(_ now: Instant) -> SourceBatch? {
        let ending = heldTooLong(now)
        guard !queue.isEmpty || !ending.isEmpty || !pending.isEmpty else { return nil }
        var turn = Turn(
            block: blocks.take(capacity: capacity), timestamp: clock.wallMilliseconds(), now: now,
            maxLine: options.maxLine.bytes, untilEnd: untilEnd)
        turn.events.reserveCapacity(eventsHint)
        for file in ending { finishLine(of: file, &turn) }
        readReady(&turn)
        eventsHint = turn.events.count
        resize(after: turn)
        events += turn.events.count
        splits += turn.splits
        return SourceBatch(events: EventBatch(block: turn.block, events: turn.events), positions: positions(of: turn))
    }

    private func readReady(_ turn: inout Turn) {
        // Each file has one turn in a block, so that a busy one does not keep the others waiting.
        turn.isAlone = queue.count == 1
        for _ in 0..<queue.count {
            guard let file = queue.takeFirst() else { return }
            if file.mustWait() {
                queue.append(file)
                continue
            }
            switch attempt(file, { (handle) throws(DiskError) in try turn.read(file, from: handle) }) {
            case .rest: rested(file, now: turn.now)
            case .more: queue.append(file)
            case .replaced(let cause, let size): replaced(file, cause: cause, size: size, now: turn.now)
            case .blockFull:
                queue.prepend(file)
                return
            case nil: break
            }
        }
    }

    private func positions(of turn: Turn) -> [PositionUpdate] {
        let moved = turn.moved.map { file in
            bytes += file.moved
            file.moved = 0
            return PositionUpdate(source: context.name, position: file.position)
        }
        guard !pending.isEmpty else { return moved }
        defer { pending = [] }
        return pending + moved
    }

    /// More comes than a block holds: larger ones. A line that does not fit: one that holds the longest line.
    private func resize(after turn: Turn) {
        let normal = options.block.bytes
        if turn.isStuck {
            capacity = max(normal, options.maxLine.bytes + Fingerprint.tailLimit + 4096)
        } else if capacity > normal {
            capacity = normal
        } else if turn.block.room < capacity / 8 {
            capacity = min(normal, capacity * 4)
        }
    }

    /// What to answer when no file has anything.
    private func rest(_ now: Instant) -> Pull {
        blocks.trim()
        capacity = Self.smallest
        if untilEnd {
            sayHeld()
            return .finished
        }
        return .idle(until: earlier(nextScan, heldUntil()))
    }

    /// Names the files whose last line lacks its newline.
    private func sayHeld() {
        for file in files.values.sorted(by: { $0.path < $1.path }) where file.heldBytes > 0 {
            context.note(
                .warning,
                "\(file.path): the last \(file.heldBytes) bytes, from byte \(file.offset) on, have no newline and are held"
            )
        }
    }

    package var report: SourceReport {
        let now = clock.now()
        var report = SourceReport(name: context.name)
        report.events = events
        report.bytes = bytes
        report.splits = splits
        report.problems = complaints.values.sorted()
        report.unread = unreadSubjects.compactMap { complaints[$0] }.sorted()
        report.files = files.values.sorted { $0.path < $1.path }.map { file in
            file.report(size: currentSize(file), now: now)
        }
        return report
    }

    private func currentSize(_ file: TailedFile) -> Int64 {
        if let size = try? file.file?.status().size { return size }
        guard let status = try? disk.status(file.path), FileIdentity(status) == file.identity else {
            return file.knownSize
        }
        return status.size
    }

    package func close() {
        for file in files.values { file.file = nil }
        files = [:]
        byPath = [:]
        folderWatch = nil
        blocks.trim()
    }
}

/// The files that may have something to read, in turn, each once.
struct ReadyQueue {
    private var files: [TailedFile] = []
    private var head = 0

    var count: Int { files.count - head }
    var isEmpty: Bool { count == 0 }

    mutating func append(_ file: TailedFile) {
        guard !file.isQueued else { return }
        file.isQueued = true
        files.append(file)
    }

    mutating func prepend(_ file: TailedFile) {
        guard !file.isQueued else { return }
        file.isQueued = true
        if head > 0 {
            head -= 1
            files[head] = file
        } else {
            files.insert(file, at: 0)
        }
    }

    mutating func takeFirst() -> TailedFile? {
        guard head < files.count else { return nil }
        defer {
            head += 1
            if head == files.count || head >= 1024 {
                files.removeFirst(head)
                head = 0
            }
        }
        files[head].isQueued = false
        return files[head]
    }
}

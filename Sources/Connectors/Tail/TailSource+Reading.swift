import CommitLog
import Pipelines
import Platform

// Opening, closing and reading: what may fail for one file must not touch the others.
extension TailSource {
    /// Runs a read of an open file, which is opened first if it rests closed.
    /// - Returns: nil if it failed; the file rests until the next look at it.
    func attempt(
        _ file: TailedFile, _ body: (any DiskFile) throws(DiskError) -> Turn.Outcome
    ) -> Turn.Outcome? {
        do throws(DiskError) {
            guard let handle = try opened(file) else { return nil }
            file.lastRead = clock.now()
            let outcome = try body(handle)
            if file.complaint != nil {
                context.note(.info, "\(file.path): can be read again")
                settle(file.path)
                file.complaint = nil
            }
            return outcome
        } catch {
            file.errors += 1
            file.complaint = "\(error)"
            complain(about: file.path, "\(error); it is tried again", unread: true)
            return nil
        }
    }

    /// - Returns: nil when the name now belongs to another file; the next look at the folder tells where it went.
    private func opened(_ file: TailedFile) throws(DiskError) -> (any DiskFile)? {
        if let handle = file.file { return handle }
        let handle = try disk.open(file.path, .read)
        guard FileIdentity(try handle.status()) == file.identity else {
            lookSoon(after: lastScan)
            return nil
        }
        makeRoom(for: 1)
        file.file = handle
        return handle
    }

    /// Closes the files that rested longest until `count` more can be opened.
    func makeRoom(for count: Int) {
        var open = files.values.filter { $0.file != nil }
        guard open.count + count > options.maxOpenFiles else { return }
        // A file that is away cannot be found again by name, so it goes last.
        open.sort { ($0.isAway ? 1 : 0, $0.lastRead) < ($1.isAway ? 1 : 0, $1.lastRead) }
        for file in open.prefix(open.count + count - options.maxOpenFiles) where !file.isRemoved {
            if let watch = file.watch {
                folderWatch?.forget(file: watch)
                byWatch[watch] = nil
                file.watch = nil
            }
            file.file = nil
        }
    }

    /// A file was read to its end.
    func rested(_ file: TailedFile, now: Instant) {
        file.caughtUp = now
        if file.heldBytes > 0 { holding[file.identity] = file } else { holding[file.identity] = nil }
        if file.isRemoved { nextScan = min(nextScan, now + options.hold) }
    }

    /// The file holds something else where it was read to: a new generation, from its beginning.
    func replaced(_ file: TailedFile, cause: String, size: Int64, now: Instant) {
        let offset = file.offset
        // A copy that was made before the cut (copytruncate) has what was not read yet.
        if search(for: file.position, now) == .found { file.knownSize = offset }
        let (old, lost) = file.startGeneration(cause: cause, size: size, now: now)
        pending.append(PositionUpdate(source: context.name, position: old, remove: true))
        holding[file.identity] = nil
        if untilEnd { file.end = size }
        context.note(
            .warning,
            "\(file.path): \(cause), at byte \(offset); it is read again from its beginning"
                + (lost > 0 ? ", and \(lost) bytes that were not read yet are lost" : ""))
        wake(file)
    }

    // MARK: Lines without a newline

    /// The files whose last line has rested for as long as it may.
    func heldTooLong(_ now: Instant) -> [TailedFile] {
        guard !untilEnd, !holding.isEmpty else { return [] }
        return holding.values.filter { file in
            guard let since = file.heldSince else { return false }
            return now >= since + options.hold
        }
    }

    func heldUntil() -> Instant? {
        holding.values.compactMap { file in file.heldSince.map { $0 + options.hold } }.min()
    }

    func finishLine(of file: TailedFile, _ turn: inout Turn) {
        let outcome = attempt(file) { (handle) throws(DiskError) in try turn.finishLine(file, from: handle) }
        switch outcome {
        case .rest: rested(file, now: turn.now)
        case .replaced(let cause, let size): replaced(file, cause: cause, size: size, now: turn.now)
        case .more, .blockFull: wake(file)
        case nil: holding[file.identity] = nil
        }
    }
}

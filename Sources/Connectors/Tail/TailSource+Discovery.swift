import CommitLog
import Glibc
import Pipelines
import Platform
import Records
import Settings

// Which files there are: what the globs find, what became of files that they no longer find.
extension TailSource {
    /// Takes in what the kernel said, and looks for itself when that is due.
    func notice(_ now: Instant) {
        for change in folderWatch?.changes() ?? [] {
            switch change {
            case .modified(let folder, let name):
                let path = folder == "." && byPath[name] != nil ? name : Glob.join(folder, name)
                if let file = byPath[path] { wake(file) }
            case .modifiedFile(let watch):
                if let file = byWatch[watch] { wake(file) }
            case .names:
                lookSoon(after: lastScan)
            }
        }
        guard now >= nextScan, !untilEnd else { return }
        look(now)
    }

    /// Looks at everything, and puts what is new into its order.
    func look(_ now: Instant) {
        let before = byPath
        scan(now)
        if !stored.isEmpty { recoverStored(now) }
        lookPause = max(Self.shortestPause, (clock.now() - now) * 10)
        guard !newcomers.isEmpty else { return }
        var replaced: [FileIdentity: TailedFile] = [:]
        for file in newcomers where before[file.path] !== file { replaced[file.identity] = before[file.path] }
        order(newcomers, replacing: replaced)
        newcomers = []
    }

    /// Looks again before the next rescan, but not so often that looking becomes the main work, however many names
    /// change and however many files there are.
    func lookSoon(after moment: Instant) { nextScan = min(nextScan, moment + lookPause) }

    func wake(_ file: TailedFile) { queue.append(file) }

    /// Looks at everything the globs find.
    func scan(_ now: Instant) {
        lastScan = now
        nextScan = now + options.rescan
        var found: [FileIdentity: [String]] = [:]
        for glob in globs { look(for: glob, into: &found, now) }
        byPath = [:]
        for (identity, paths) in found {
            guard let file = files[identity] else { continue }
            for path in paths { byPath[path] = file }
            if !paths.contains(file.path) { file.path = paths[0] }
            (file.isAway, file.isRemoved) = (false, false)
        }
        for file in files.values where found[file.identity] == nil { lookAfterAway(file, now) }
        letGo(now)
    }

    private func look(for glob: Glob, into found: inout [FileIdentity: [String]], _ now: Instant) {
        for folder in glob.folders(on: disk) { folderWatch?.watch(folder: folder) }
        var failures: [DiskError] = []
        let paths = glob.expand(on: disk, failures: &failures)
        for failure in failures { complain(about: failure.path, "\(failure)", unread: true) }
        var any = false
        for path in paths {
            any = true
            if let exclude = excludes.first(where: { $0.describes(path) }) {
                leaveOut(path, "left out, as exclude has \(exclude.text)")
                continue
            }
            if let identity = look(at: path, now) { found[identity, default: []].append(path) }
        }
        if any || !failures.isEmpty {
            settle(glob.text)
        } else {
            complain(about: glob.text, "\(glob.text): no such file yet; it is read as soon as there is one")
        }
    }

    private func look(at path: String, _ now: Instant) -> FileIdentity? {
        do throws(DiskError) {
            let status = try disk.status(path)
            guard status.kind == .file else {
                complain(about: path, "\(path): \(Self.name(status.kind)) instead of a file; it is left out")
                return nil
            }
            if let file = files[FileIdentity(status)] {
                if file.complaint == nil { settle(path) }
                file.saw(status)
                let seen = file.offset + Int64(file.heldBytes)
                if status.size != seen || file.complaint != nil { wake(file) }
                return file.identity
            }
            if leftOut.contains(path) { return nil }
            let identity = try adopt(path, now)
            settle(path)
            return identity
        } catch {
            complain(about: path, "\(error); it is tried again", unread: !error.isMissing)
            return nil
        }
    }

    private static func name(_ kind: FileStatus.Kind) -> String {
        switch kind {
        case .file: "a file"
        case .directory: "a directory"
        case .pipe: "a pipe"
        case .other: "something else"
        }
    }

    /// Begins to tail a file: where its committed position says, else at its beginning, or behind what is there.
    @discardableResult
    func adopt(_ path: String, _ now: Instant) throws(DiskError) -> FileIdentity? {
        let handle = try disk.open(path, .read)
        if options.skipBinary, try handle.readBytes(at: 0, count: 4096).contains(0) {
            leaveOut(path, "left out, as it is no text (skip_binary)")
            return nil
        }
        let status = try handle.status()
        let identity = FileIdentity(status)
        if let known = files[identity] {
            // The path was given to another file between the look at it and its opening.
            known.saw(status)
            wake(known)
            return identity
        }
        let file = TailedFile(status, path: path, now: now)
        if let position = stored[identity] {
            if let tail = try Fingerprint.match(position, in: handle) {
                file.resume(position, generation: position.generation, tail: tail)
                stored[identity] = nil
            } else {
                // The old content may stand under another name: its position is looked after apart.
                file.startBehind(position)
            }
        } else if passesOver, try file.passOver(status.size, in: handle) {
            context.note(.info, "\(path): begins at byte \(status.size), as chosen for damaged positions")
        }
        begin(file, handle, size: status.size)
        return identity
    }

    /// Takes a file into the house, open.
    func begin(_ file: TailedFile, _ handle: any DiskFile, size: Int64) {
        files[file.identity] = file
        newcomers.append(file)
        byPath[file.path] = file
        file.end = untilEnd ? size : nil
        file.knownSize = max(size, file.offset)
        makeRoom(for: 1)
        file.file = handle
        if Self.isLink(file.path) { watchItself(file) }
        wake(file)
    }

    /// A folder tells of its files only: a link's target, or a file that went elsewhere, is watched itself.
    func watchItself(_ file: TailedFile) {
        guard file.watch == nil, let descriptor = file.file?.descriptor,
            let watch = folderWatch?.watch(file: descriptor)
        else { return }
        file.watch = watch
        byWatch[watch] = file
    }

    private static func isLink(_ path: String) -> Bool {
        unsafe withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { buffer in
            // Safety: one byte is enough to learn whether there is a link, and is what `buffer` has.
            unsafe readlink(path, buffer.baseAddress!.assumingMemoryBound(to: CChar.self), 1) >= 0
        }
    }

    // MARK: Files that no glob finds any more

    /// Renamed or removed: it is read to its end under whatever name it has.
    private func lookAfterAway(_ file: TailedFile, _ now: Instant) {
        file.isAway = true
        var sighting = Sighting.unsure
        if let status = try? disk.status(file.path), FileIdentity(status) == file.identity {
            sighting = .at(file.path, status)
        } else {
            sighting = sight(file.identity, in: Self.folder(of: file.path))
        }
        switch sighting {
        case .at(let name, let status):
            file.isRemoved = false
            file.path = name
            byPath[name] = file
            file.saw(status)
            if status.size != file.offset + Int64(file.heldBytes) { wake(file) }
        case .unsure:
            lookSoon(after: now)
        case .notHere:
            lookAfterRemoved(file)
        }
    }

    private func lookAfterRemoved(_ file: TailedFile) {
        let isNews = !file.isRemoved
        file.isRemoved = true
        guard let handle = file.file else {
            if isNews, file.knownSize > file.offset {
                lose(file, to: file.knownSize, cause: "removed while it was closed")
            }
            return
        }
        watchItself(file)
        let size = try? handle.status().size
        if isNews || size != file.offset + Int64(file.heldBytes) { wake(file) }
    }

    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Removed files go once they have rested: until then a writer may still hold them.
    private func letGo(_ now: Instant) {
        for file in files.values where file.isRemoved && !file.isQueued && file.heldBytes == 0 {
            guard file.file == nil || now >= file.lastRead + options.hold else {
                nextScan = min(nextScan, file.lastRead + options.hold)
                continue
            }
            forget(file)
        }
    }

    private func forget(_ file: TailedFile) {
        if let watch = file.watch {
            folderWatch?.forget(file: watch)
            byWatch[watch] = nil
        }
        files[file.identity] = nil
        if byPath[file.path] === file { byPath[file.path] = nil }
        file.file = nil
        pending.append(PositionUpdate(source: context.name, position: file.position, remove: true))
    }

    func lose(_ file: TailedFile, to end: Int64, cause: String) {
        context.note(
            .warning,
            "\(file.path): \(cause); bytes \(file.offset) to \(end) could not be read (\(end - file.offset) abandoned)")
        file.abandon(AbandonedRange(from: file.offset, to: end, cause: cause))
    }

    // MARK: Saying things once

    /// - Parameter unread: whether lines that are there cannot be read because of it.
    func complain(about subject: String, _ message: String, unread: Bool = false) {
        if unread { unreadSubjects.insert(subject) } else { unreadSubjects.remove(subject) }
        guard complaints.updateValue(message, forKey: subject) != message else { return }
        context.note(.warning, message)
    }

    private func leaveOut(_ path: String, _ reason: String) {
        if leftOut.insert(path).inserted { context.note(.info, "\(path): \(reason)") }
    }

    func settle(_ subject: String) {
        complaints[subject] = nil
        unreadSubjects.remove(subject)
    }
}

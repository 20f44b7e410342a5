import CommitLog
import Pipelines
import Platform

// Finding files again that were renamed, copied or removed while nobody looked.
extension TailSource {
    /// Takes in the committed positions. Of several generations of one file the newest counts.
    func remember(_ positions: [SourcePosition]) {
        for position in positions {
            let identity = FileIdentity(position)
            let newer = stored[identity].map { max($0.generation, position.generation) } ?? position.generation
            for old in [stored[identity], position] {
                guard let old, old.generation < newer else { continue }
                pending.append(PositionUpdate(source: context.name, position: old, remove: true))
            }
            if position.generation == newer { stored[identity] = position }
        }
    }

    /// Looks for the files of positions that no glob found, or whose inode holds something else by now.
    func recoverStored(_ now: Instant) {
        for (identity, position) in stored {
            switch search(for: position, now) {
            case .found: stored[identity] = nil
            case .later: break
            case .gone:
                stored[identity] = nil
                context.note(
                    .warning,
                    "\(position.path): what was read up to byte \(position.offset) is gone; "
                        + "what stood behind it, if anything, could not be read")
                pending.append(PositionUpdate(source: context.name, position: position, remove: true))
            }
        }
    }

    enum Search { case found, gone, later }

    /// First by inode, then by content, in the folder where the file was.
    func search(for position: SourcePosition, _ now: Instant) -> Search {
        let folder = Self.folder(of: position.path)
        do throws(DiskError) {
            let paths = try disk.list(folder).sorted().map { Glob.join(folder == "." ? "" : folder, $0) }
            var others: [String] = []
            for path in paths {
                guard let status = try? disk.status(path), status.kind == .file else { continue }
                if FileIdentity(status) == FileIdentity(position) {
                    if try resume(position, at: path, sameFile: true, now) { return .found }
                } else if status.size >= position.offset {
                    others.append(path)
                }
            }
            // A short beginning is too common to tell files by: banners, headers of CSV files.
            guard position.offset >= Int64(Fingerprint.headLimit) else { return .gone }
            for path in others where try resume(position, at: path, sameFile: false, now) { return .found }
            return .gone
        } catch {
            return error.isMissing ? .later : complainLater(position, error)
        }
    }

    private func complainLater(_ position: SourcePosition, _ error: DiskError) -> Search {
        complain(about: position.path, "\(error); it is tried again", unread: true)
        return .later
    }

    /// - Returns: false if this file is not the one, or is read already.
    private func resume(
        _ position: SourcePosition, at path: String, sameFile: Bool, _ now: Instant
    ) throws(DiskError) -> Bool {
        let handle: any DiskFile
        do throws(DiskError) { handle = try disk.open(path, .read) } catch { return false }
        let status = try handle.status()
        guard let tail = try Fingerprint.match(position, in: handle) else { return false }
        if let known = files[FileIdentity(status)] {
            // A globbed file that was found a moment ago, and holds the content of another one: a copy.
            guard known.offset == 0, stored[known.identity] == nil else { return false }
            known.resume(position, generation: known.generation, tail: tail)
        } else {
            let file = TailedFile(status, path: path, now: now)
            file.isAway = true
            file.resume(position, generation: sameFile ? position.generation : 0, tail: tail)
            begin(file, handle, size: status.size)
        }
        if !sameFile {
            pending.append(PositionUpdate(source: context.name, position: position, remove: true))
        }
        context.note(.info, "\(position.path): goes on as \(path) from byte \(position.offset)")
        return true
    }
}

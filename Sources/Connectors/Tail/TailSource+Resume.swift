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
            // Where a folder is missing it may be mounted later.
            _ = try disk.status(folder)
            switch sight(FileIdentity(position), in: folder) {
            case .at(let path, _): if try resume(position, at: path, now) { return .found }
            case .unsure:
                lookSoon(after: now)
                if untilEnd {
                    complain(
                        about: position.path,
                        "\(position.path): not found, as its folder changes all the time; it is tried again",
                        unread: true)
                }
                return .later
            case .notHere: break
            }
            // A short beginning is too common to tell files by: banners, headers of CSV files.
            guard position.offset >= Int64(Fingerprint.headLimit) else { return .gone }
            for path in try paths(in: folder) {
                guard let status = try? disk.status(path), status.kind == .file, status.size >= position.offset,
                    FileIdentity(status) != FileIdentity(position)
                else { continue }
                if try resume(position, at: path, now) { return .found }
            }
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
    private func resume(_ position: SourcePosition, at path: String, _ now: Instant) throws(DiskError) -> Bool {
        let handle: any DiskFile
        do throws(DiskError) { handle = try disk.open(path, .read) } catch { return false }
        let status = try handle.status()
        // Asked of what was opened: the path may have been given to another file since it was looked at.
        let sameFile = FileIdentity(status) == FileIdentity(position)
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

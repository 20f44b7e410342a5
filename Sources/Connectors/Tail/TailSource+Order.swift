import CommitLog

// Files of one lineage are read in the order in which they were written: what was rotated before what replaced it.
//
// It holds for what is there when a file is found: a writer that goes on with the old file writes at the same time.
extension TailSource {
    /// Makes files that were just found wait for what is unread of their predecessors.
    /// - Parameter replaced: what was called like a newcomer until now.
    func order(_ newcomers: [TailedFile], replacing replaced: [FileIdentity: TailedFile]) {
        guard files.count > 1 else { return }
        var lineages: [String: [TailedFile]] = [:]
        let wanted = Set(newcomers.map { Self.lineage(of: $0.path) })
        for file in files.values {
            let lineage = Self.lineage(of: file.path)
            if wanted.contains(lineage) { lineages[lineage, default: []].append(file) }
        }
        let isNew = Set(newcomers.map(\.identity))
        for members in lineages.values {
            chain(members.sorted { ($0.modified, $1.path) < ($1.modified, $0.path) }, isNew, replaced)
        }
    }

    /// - Parameter members: of one lineage, the oldest first.
    private func chain(
        _ members: [TailedFile], _ isNew: Set<FileIdentity>, _ replaced: [FileIdentity: TailedFile]
    ) {
        var last: TailedFile?
        for file in members {
            if isNew.contains(file.identity) {
                // Only newcomers wait, and only for older ones: nobody waits in a circle.
                if let last { file.wait(for: last) }
                if let before = replaced[file.identity], !isNew.contains(before.identity) { file.wait(for: before) }
            }
            if file.hasBacklog { last = file }
        }
    }

    /// What the names of rotated files have in common: the path without digits and the marks between them.
    static func lineage(of path: String) -> String {
        let folder = folder(of: path)
        let name = path.utf8.split(separator: UInt8(ascii: "/")).last ?? path.utf8[...]
        let letters = name.filter { byte in
            switch byte {
            case 0x30...0x39, UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"): false
            default: true
            }
        }
        return folder + "/" + String(decoding: letters, as: UTF8.self)
    }
}

extension TailedFile {
    /// Something is there that was not handed on or held.
    var hasBacklog: Bool { offset + Int64(heldBytes) < knownSize }

    func wait(for other: TailedFile) {
        guard other.hasBacklog, !waitsFor.contains(where: { $0.file === other }) else { return }
        waitsFor.append(Predecessor(file: other, generation: other.generation, end: other.knownSize))
    }

    /// Whether it is still to be left alone. Asked at each turn.
    func mustWait() -> Bool {
        guard !waitsFor.isEmpty else { return false }
        waitsFor.removeAll { before in
            let other = before.file
            // One that is not in the queue has nothing, or cannot be read now: nobody waits for it.
            return other.offset + Int64(other.heldBytes) >= before.end || !other.isQueued
                || other.generation != before.generation
        }
        return !waitsFor.isEmpty
    }
}

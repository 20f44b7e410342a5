import Records

/// Segments whose files somebody gave other names.
extension PartitionScan {
    /// Looks where the segments begin that are taken on trust: one small read for each. The last one of a log would be missed
    /// by nobody if a wrong name put it among them.
    mutating func lookAtTrusted(_ disk: Disk) {
        for place in segments.indices {
            let segment = segments[place]
            segments[place].firstOffset = MisnamedSegment.first(segment.stem, segment.fileSize, disk)?.baseOffset
        }
    }

    /// Whether a wrong name may be why the log does not go on, or ends before it once did.
    func doubtsNames(_ rules: Rules) -> Bool {
        if segments.last?.bad == nil && logEnd < rules.recoveryPoint { return true }
        // What comes first may have been compacted away; but then nothing is left, or something before the next name.
        let isElsewhere = { (segment: ScannedSegment) in
            segment.firstOffset.map { !(segment.base..<segment.nextOffset).contains($0) } ?? false
        }
        return segments.contains { $0.isTrusted && isElsewhere($0) } || spots(rules).contains(where: \.isOfNames)
    }

    /// Segments get the names that their batches say, where that is sure. Their indexes are made again.
    /// - Returns: what was done. If anything was, the directory is to be read anew.
    func giveNamesBack(_ disk: Disk) throws(DiskError) -> [String] {
        let files = segments.map {
            PartitionFiles.Segment(stem: $0.stem, base: $0.base, bytes: $0.fileSize, suffixes: [])
        }
        let misnamed = try MisnamedSegment.inOrder(MisnamedSegment.all(of: files, disk))
        for segment in misnamed { try segment.rename(disk) }
        return misnamed.map { "\($0.path) was renamed to \($0.rightPath), since its first batch is there" }
    }

    /// What begins below its name was not appended here, and fits nowhere.
    /// - Returns: what was done. If anything was, the directory is to be read anew.
    func setStrangersAside(_ disk: Disk) throws(DiskError) -> [String] {
        var told: [String] = []
        for segment in segments {
            // What is trusted may have rotted there: its readers are told.
            guard !segment.isTrusted, let offset = segment.firstOffset, offset < segment.base else { continue }
            let path = segment.stem + ".log"
            try disk.rename(path, path + ScannedSegment.misnamedSuffix)
            try disk.syncDirectory(directory)
            told.append(
                """
                \(path), whose first batch is at offset \(offset) and not where its name says; it was renamed to \
                \(path).misnamed, and is \(Segment.stem("", offset).dropFirst()).log in the partition that it belongs to
                """)
        }
        return told
    }
}

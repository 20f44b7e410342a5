import Records

/// Segments whose files somebody gave other names.
extension PartitionScan {
    /// Whether a wrong name may be why the log does not go on, or ends before it once did.
    func doubtsNames(_ rules: Rules) -> Bool {
        spots(rules).contains(where: \.isOfNames) || segments.last?.bad == nil && logEnd < rules.recoveryPoint
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
            guard let offset = segment.firstOffset, offset < segment.base else { continue }
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

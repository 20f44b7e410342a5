import Platform

extension DataDirectory {
    /// Files of segments that are kept open, as far as is known, and bytes of indexes that are mapped.
    package var keptOpen: (files: Int, mappedBytes: Int) { files.kept }

    /// Files that are open because they have unsynced bytes.
    package var unsyncedFiles: Int { ledger.fileCount }

    /// Makes a pass before more files get unsynced bytes, if there are many already: they stay open until one. The caller
    /// holds no writer.
    ///
    /// (Whoever begins to write now may add his own: a round as many as it has partitions.)
    func makeRoomForFiles() throws(StorageError) {
        if ledger.fileCount >= files.unsyncedLimit { try runPass(through: nil) }
    }
}

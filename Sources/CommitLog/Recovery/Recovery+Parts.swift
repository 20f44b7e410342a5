import Records

/// Makes topics of what was found.
extension Recovery {
    func topic(_ place: PartitionPlace, _ files: FileCache, _ ledger: SyncLedger) throws(DiskError) -> Topic {
        Topic(
            name: place.topic, id: place.id, isInternal: true,
            Topic.State(
                partitions: [Partition(try parts(place, files, ledger))],
                configuration: OwnTopics.configuration(place.topic), settings: Shared(OwnTopics.settings(place.topic))))
    }

    func topics(_ files: FileCache, _ ledger: SyncLedger) throws(DiskError) -> [Topic] {
        var topics: [Topic] = []
        for (id, entry) in registry.sortedTopics {
            var partitions: [Partition] = []
            for index in 0..<entry.partitions {
                let place = PartitionPlace(root: path, topic: entry.name, id: id, index: index, disk: disk)
                partitions.append(Partition(try parts(place, files, ledger)))
            }
            topics.append(
                Topic(
                    name: entry.name, id: id, isInternal: entry.isInternal,
                    Topic.State(
                        partitions: partitions, configuration: entry.configuration,
                        settings: Shared(settings(of: entry)))))
        }
        return topics
    }

    private func parts(_ place: PartitionPlace, _ files: FileCache, _ ledger: SyncLedger) throws(DiskError)
        -> Partition.Parts
    {
        if let failed = offline[Key(place)] { return offlineParts(failed, failed.reason, files, ledger) }
        guard let found = found[Key(place)] else { preconditionFailure("\(place.name) was not walked") }
        do throws(DiskError) { return try parts(found, files, ledger) } catch {
            guard mayBeOffline(place, because: error) else { throw error }
            return offlineParts(Offline(place: place, rules: found.rules, reason: ""), "\(error)", files, ledger)
        }
    }

    private func parts(_ found: Found, _ files: FileCache, _ ledger: SyncLedger) throws(DiskError) -> Partition.Parts {
        let place = found.place
        // One string for all that keep it.
        let directory = place.path
        guard let last = found.scan.segments.last else {
            let fresh = try place.fresh(
                settings: found.rules.settings, files: files, ledger: ledger, leaderEpoch: leaderEpoch,
                producers: options.producersPerPartition)
            // Else a pass would call records durable in a file whose name is not; and so would the next opening.
            do throws(DiskError) { try disk.syncDirectory(place.path) } catch {
                try? disk.removeFile(Segment.stem(directory, 0) + ".log")
                throw error
            }
            return fresh
        }
        var epochs = found.scan.epochs
        let isCopy = found.rules.isAdopted && !isForeign
        let logStart = isCopy ? 0 : logStarts.offsets[place.topic, place.index] ?? 0
        let isTrimmed = epochs.trim(before: max(logStart, found.scan.logStart))
        try restoreTransactions(found)
        var segments: [Segment] = []
        for scanned in found.scan.segments.dropLast() {
            if !scanned.isTrusted || scanned.hasLostIndexes { try restoreIndexes(scanned, found) }
            segments.append(scanned.segment(in: directory, isClosed: true, files))
        }
        segments.append(last.segment(in: directory, isClosed: false, files))
        let isWritten = last.builder.offsets.isEmpty && last.builder.times.isEmpty
        return Partition.Parts(
            topicName: place.topic, topicID: place.id, index: place.index, settings: found.rules.settings,
            directory: directory, files: files, ledger: ledger, leaderEpoch: leaderEpoch, segments: segments,
            logStart: logStart, producers: found.scan.producers, snapshotEnd: found.scan.snapshotEnd,
            snapshots: found.scan.snapshots, epochs: epochs, epochsChanged: found.scan.epochsChanged || isTrimmed,
            recoveryPoint: min(found.rules.recoveryPoint, found.scan.logEnd), wasClean: !isStrict && isWritten)
    }

    /// A partition that is there in name only: it keeps its recovery point.
    private func offlineParts(_ failed: Offline, _ reason: String, _ files: FileCache, _ ledger: SyncLedger)
        -> Partition.Parts
    {
        let place = failed.place
        let end = failed.rules.recoveryPoint
        let builder = IndexBuilder(base: end, interval: failed.rules.settings.indexIntervalBytes)
        let segment = Segment(growing: builder, in: place.path, size: 0, nextOffset: end, files: files)
        return Partition.Parts(
            topicName: place.topic, topicID: place.id, index: place.index, settings: failed.rules.settings,
            directory: place.path, files: files, ledger: ledger, leaderEpoch: leaderEpoch, segments: [segment],
            producers: ProducerTable(limit: 1), epochs: LeaderEpochs(), recoveryPoint: end, wasClean: true,
            offline: reason)
    }

    /// The indexes of a closed segment that was read are written anew if they are missing or wrong; sane ones that came
    /// with an adopted partition stay, since their maker may have had another interval.
    private func restoreIndexes(_ scanned: ScannedSegment, _ found: Found) throws(DiskError) {
        var builder = scanned.builder
        builder.finish()
        if builder.written == IndexBuilder.Counts() {
            let offsets = try disk.readFile(scanned.stem + Segment.indexSuffix, limit: Int(Int32.max))
            let times = try disk.readFile(scanned.stem + Segment.timeIndexSuffix, limit: Int(Int32.max))
            if offsets == OffsetIndex.encode(builder.offsets), times == TimeIndex.encode(builder.times) { return }
            let isAdopted = scanned.nextOffset <= found.rules.adoptedEnd
            if let offsets, let times, isAdopted, scanned.areSane(offsets, times) { return }
        }
        for file in try Segment.writeIndexes(builder, stem: scanned.stem, disk: disk) { try file.syncWhole() }
        try disk.syncDirectory(found.scan.directory)
    }

    /// Transaction indexes that are missing or wrong are written anew; sane ones that came with an adopted partition stay.
    private func restoreTransactions(_ found: Found) throws(DiskError) {
        var isChanged = false
        for segment in found.scan.segments where !segment.isTrusted || segment.hasLostIndexes {
            let isWhole = segment.trustedSize == 0 || segment.hasLostIndexes
            let isRestored = try TransactionIndexFile.restore(
                segment.aborted, from: isWhole ? nil : found.scan.trusted, stem: segment.stem,
                keepsSane: segment.base < found.rules.adoptedEnd || segment.isTrusted, disk: disk)
            isChanged = isChanged || isRestored
        }
        if isChanged { try disk.syncDirectory(found.scan.directory) }
    }
}

extension ScannedSegment {
    func segment(in directory: String, isClosed: Bool, _ files: FileCache) -> Segment {
        if isClosed {
            return Segment(
                closed: base, in: directory, size: validSize, nextOffset: nextOffset, indexInterval: builder.interval,
                files: files)
        }
        return Segment(growing: builder, in: directory, size: validSize, nextOffset: nextOffset, files: files)
    }

    /// Whether indexes of unknown origin can be used.
    func areSane(_ offsets: [UInt8], _ times: [UInt8]) -> Bool {
        guard offsets.count % OffsetIndex.entrySize == 0, times.count % TimeIndex.entrySize == 0 else { return false }
        let count = nextOffset - base
        return OffsetIndex(bytes: MappedBytes(copying: offsets)).isSane(offsets: count, bytes: validSize)
            && TimeIndex(bytes: MappedBytes(copying: times)).isSane(offsets: count)
    }
}

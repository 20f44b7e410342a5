import Records

/// Checks one partition: its segments in order, what stands beside them, and that it all agrees.
struct PartitionCheck {
    private let files: PartitionFiles
    private let rules: LogSurroundings.Rules
    private let options: LogVerification.Options
    private let disk: Disk
    private let findings: LogFindings
    private let tally: VerificationTally
    /// It is all of a partition that someone works with, so closed segments must have their indexes.
    private let isWhole: Bool
    /// What came before the first segment is known of every producer.
    private var knowsProducers = false
    /// Snapshots that the walk has not reached.
    private var snapshots: ArraySlice<Offset>

    init(
        _ files: PartitionFiles, rules: LogSurroundings.Rules, options: LogVerification.Options, disk: Disk,
        findings: LogFindings, tally: VerificationTally
    ) {
        self.files = files
        self.rules = rules
        self.options = options
        self.disk = disk
        self.findings = findings
        self.tally = tally
        isWhole = files.isDirectory && (files.hasMetadata || rules.topicID != nil)
        snapshots = files.snapshots[...]
    }

    mutating func run() {
        checkTexts()
        for path in files.skipped { tally.skip(path) }
        for file in files.noFiles { findings.add(file.path, nil, "it is no file; move it away") }
        if isWhole && !files.hasMetadata {
            findings.add(
                "\(files.directory)/\(PartitionPlace.metadataName)", nil,
                "it is missing; the next start of Penstock writes it again")
        }
        for file in files.orphans where !files.segments.isEmpty || isWhole {
            findings.add(file.path, nil, "there is no segment of that name")
        }
        if isWhole && files.segments.isEmpty {
            findings.add(
                files.directory, nil,
                "it has no segment; put them back from a copy, for the next start makes an empty one")
        }
        for file in files.setAside { findings.add(file.path, nil, file.setAsideReason(disk)) }
        for segment in files.misnamed {
            findings.add(
                segment.path, nil,
                """
                its first batch is at offset \(segment.right), and not where its name says; `penstock log repair` gives it its \
                name back
                """)
        }
        let producers = Self.firstProducers(of: files, limit: options.producers, disk)
        knowsProducers = producers != nil
        var walk = PartitionWalk(
            rules: rules, epochs: epochs(), holesBelow: files.segments.last?.base ?? 0,
            producers: producers ?? ProducerTable(limit: options.producers))
        for (place, segment) in files.segments.enumerated() {
            check(segment, isLast: place == files.segments.count - 1, &walk)
        }
        checkSnapshots(upTo: .max, walk)
        finish(walk)
    }

    private mutating func check(_ segment: PartitionFiles.Segment, isLast: Bool, _ walk: inout PartitionWalk) {
        if !isLast && isWhole && segment.bytes > 0 {
            for suffix in [Segment.indexSuffix, Segment.timeIndexSuffix] where !segment.suffixes.contains(suffix) {
                findings.add(segment.stem + suffix, nil, "it is missing")
            }
        }
        if let next = walk.next, segment.base < next, segment.bytes > 0 {
            findings.add(segment.stem + ".log", nil, "it begins before the segment before it ends, which is at \(next)")
        }
        checkSnapshots(upTo: segment.base, walk)
        do throws(DiskError) {
            var check = try SegmentCheck(
                segment, isLast: isLast, rules: rules, options: options, disk: disk, findings: findings, tally: tally)
            try check.run(&walk)
        } catch {
            findings.add(segment.stem + ".log", nil, "\(error)")
            walk.lost()
        }
    }

    private func finish(_ walk: PartitionWalk) {
        guard isWhole, let (topic, index) = files.partition, let last = files.segments.last else { return }
        tally.finish(partition: "\(topic)-\(index)", end: walk.next ?? last.base)
    }

    private func checkTexts() {
        for file in files.texts {
            TextCheck(file, disk: disk, findings: findings).run()
            guard file.kind == .metadata, let wanted = rules.topicID,
                let found = TextCheck(file, disk: disk, findings: findings).topicID(), found != wanted
            else { continue }
            findings.add(file.path, nil, "its topic id is \(found), the registry's is \(wanted)")
        }
    }

    /// The leader epochs, if their starts ascend as they must.
    private func epochs() -> LeaderEpochs? {
        guard let file = files.texts.first(where: { $0.kind == .leaderEpochs }),
            let epochs = TextCheck(file, disk: disk, findings: findings).epochs()
        else { return nil }
        for (one, next) in zip(epochs.entries, epochs.entries.dropFirst()) where next.start < one.start {
            findings.add(file.path, nil, "epoch \(next.epoch) begins at \(next.start), before epoch \(one.epoch)")
            return nil
        }
        return epochs
    }

    // MARK: - Producers

    /// What was known of the producers where the first segment begins.
    /// - Returns: nil if nobody says.
    static func firstProducers(of files: PartitionFiles, limit: Int, _ disk: Disk) -> ProducerTable? {
        guard let base = files.segments.first?.base, base > 0 else { return ProducerTable(limit: limit) }
        let found = try? ProducerSnapshot.newest(
            of: files.snapshots.filter { $0 == base }, in: files.directory, atOrBelow: base, limit: limit, disk: disk)
        return found?.table
    }

    /// Reads the snapshots up to an offset, and holds what they say against the batches before it.
    private mutating func checkSnapshots(upTo offset: Offset, _ walk: PartitionWalk) {
        while let snapshot = snapshots.first, snapshot <= offset {
            snapshots.removeFirst()
            let path = ProducerSnapshot.path(files.directory, snapshot)
            do throws(DiskError) {
                let size = Int(try disk.status(path).size)
                guard size <= options.batchLimit else {
                    findings.add(
                        path, nil, "\(size) bytes are more than \(options.batchLimit); --batch-limit allows more")
                    continue
                }
                let bytes = try disk.readFile(path, limit: size) ?? []
                check(snapshot, bytes, path, walk)
            } catch {
                findings.add(path, nil, "\(error)")
            }
        }
    }

    private func check(_ snapshot: Offset, _ bytes: [UInt8], _ path: String, _ walk: PartitionWalk) {
        let table: ProducerTable
        do throws(RecordError) {
            table = try ProducerSnapshot.decode(bytes, upTo: snapshot, limit: .max)
        } catch {
            return findings.add(path, nil, "\(error)")
        }
        guard let end = walk.next, isWhole else { return }
        if snapshot > end, !walk.isBlind { findings.add(path, nil, "the log ends at \(end)") }
        // Compaction takes batches that a snapshot may still know.
        guard snapshot == end, walk.isUnbroken, !rules.mayHaveHoles else { return }
        for (id, said) in table.entries.sorted(by: { $0.key < $1.key }) {
            guard let seen = walk.producers.entries[id] else {
                if knowsProducers && walk.producers.entries.count < walk.producers.limit / 2 {
                    findings.add(path, nil, "producer \(id): the batches know none of that id")
                }
                continue
            }
            if let objection = said.objection(from: seen) { findings.add(path, nil, "producer \(id): \(objection)") }
        }
    }
}

extension ProducerTable.Entry {
    /// How this differs from what the batches say, nil if it does not. Brokers forget producers; they invent nothing.
    fileprivate func objection(from seen: ProducerTable.Entry) -> String? {
        if epoch != seen.epoch { return "epoch \(epoch), the batches say \(seen.epoch)" }
        if lastOffset != seen.lastOffset { return "last offset \(lastOffset), the batches say \(seen.lastOffset)" }
        if batches.last?.lastSequence != seen.batches.last?.lastSequence {
            return "last sequence \(batches.last?.lastSequence ?? -1), the batches say "
                + "\(seen.batches.last?.lastSequence ?? -1)"
        }
        return nil
    }
}

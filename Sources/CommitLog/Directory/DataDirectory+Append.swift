import Platform
package import Records

extension DataDirectory {
    /// Appends one batch of a client, unless it is there already or out of its producer's sequence.
    ///
    /// It is visible when this returns, and durable once its ticket is synced. On an error nothing of it is in the log.
    /// On a full disk the internal topics, such as that of the group offsets, go on with the reserve's room.
    /// - Parameter now: milliseconds since 1970, for `segment.ms` where records have no timestamps; nil leaves that out.
    package func append(
        _ batch: EncodedBatch, to partition: Partition, now: Int64? = nil
    ) throws(StorageError) -> AppendResult {
        guard batch.header.producerId < PipelineProducer.firstReserved else {
            return .rejected(.reservedProducer(batch.header.producerId))
        }
        guard topic(id: partition.topicID)?.isInternal ?? false else {
            return try makingRoom { () throws(StorageError) in
                try checkReserve("write \(partition.name)")
                return try appendOnce(batch, to: partition, now)
            }
        }
        return try withReserve { () throws(StorageError) in try appendOnce(batch, to: partition, now) }
    }

    private func checkReserve(_ operation: @autoclosure () -> String) throws(StorageError) {
        guard reserve.allowsAppends else { throw StorageError(operation(), .disk(reserve.shortage)) }
    }

    private func appendOnce(
        _ batch: EncodedBatch, to partition: Partition, _ now: Int64?
    ) throws(StorageError) -> AppendResult {
        try makeRoomForFiles()
        let (result, hasRolled) = try partition.writer.withLock { (writer) throws(StorageError) in
            let rolls = writer.rolls
            return (try appendHeld(batch, to: partition, writer, now), writer.rolls != rolls)
        }
        if case .appended = result { observer?(partition) }
        if hasRolled { trimAtOnce(partition) }
        return result
    }

    private func appendHeld(
        _ batch: EncodedBatch, to partition: Partition, _ writer: PartitionWriter, _ now: Int64?
    ) throws(StorageError) -> AppendResult {
        try ledger.check("write \(writer.name)")
        switch writer.producers.judge(batch) {
        case .append: break
        case .duplicate(let base): return .duplicate(base: base, ticket: ledger.latest)
        case .reject(let rejection): return .rejected(rejection)
        }
        let pending = try writer.prepare([batch], epoch: leaderEpoch, now: now)
        do throws(DiskError) { try writer.write(pending) } catch {
            undo([(writer, pending)])
            throw StorageError("write \(writer.name)", error)
        }
        writer.commit(pending)
        let ticket = ledger.commit(hidden: hidden(partition, writer))
        writer.publish(ticket)
        return .appended(base: pending.base, ticket: ticket)
    }

    /// Appends a round: all of it, or nothing.
    ///
    /// The writers of all its partitions are held from its first write to its commit record; nothing of it is visible
    /// before that stands. On an error everything is cut back, and the same round may be appended again.
    /// - Returns: what must be synced for the round to be durable.
    package func append(_ round: Round) throws(StorageError) -> CommitTicket {
        guard !round.parts.isEmpty || !round.positions.isEmpty else { return ledger.latest }
        if positionsDamaged {
            throw StorageError("append a round of \(round.pipeline)", .damaged(Self.positionsDamage))
        }
        return try makingRoom { () throws(StorageError) in
            try checkReserve("append a round of \(round.pipeline)")
            return try appendOnce(round)
        }
    }

    private func appendOnce(_ round: Round) throws(StorageError) -> CommitTicket {
        let parts = round.parts.filter { !$0.batches.isEmpty }.sorted { $0.partition.isOrdered(before: $1.partition) }
        for place in parts.indices.dropFirst() where parts[place].partition === parts[place - 1].partition {
            preconditionFailure("a round names \(parts[place].partition.name) twice")
        }
        try makeRoomForFiles()
        var writers: [PartitionWriter] = []
        writers.reserveCapacity(parts.count)
        let (ticket, hasRolled) = try hold(parts, &writers) { (writers) throws(StorageError) in
            let rolls = writers.reduce(0) { $0 + $1.rolls }
            let ticket = try positionsPartition.writer.withLock { (positions) throws(StorageError) in
                try appendHeld(round, parts, writers, positions)
            }
            return (ticket, writers.reduce(0) { $0 + $1.rolls } != rolls)
        }
        if let observer {
            for part in parts { observer(part.partition) }
            observer(positionsPartition)
        }
        if hasRolled { for part in parts { trimAtOnce(part.partition) } }
        return ticket
    }

    /// Takes the writers one after the other, in the fixed order, and runs `body` with all of them.
    private func hold<Result>(
        _ parts: [Round.Part], _ held: inout [PartitionWriter],
        _ body: ([PartitionWriter]) throws(StorageError) -> Result
    ) throws(StorageError) -> Result {
        guard held.count < parts.count else { return try body(held) }
        return try parts[held.count].partition.writer.withLock { (writer) throws(StorageError) in
            held.append(writer)
            return try hold(parts, &held, body)
        }
    }

    func appendHeld(
        _ round: Round, _ parts: [Round.Part], _ writers: [PartitionWriter], _ positions: PartitionWriter
    ) throws(StorageError) -> CommitTicket {
        let operation = "append a round of \(round.pipeline)"
        try ledger.check(operation)
        var pending: [(writer: PartitionWriter, append: PartitionWriter.Pending)] = []
        pending.reserveCapacity(parts.count + 1)
        for (part, writer) in zip(parts, writers) {
            try Self.checkSequence(part, writer, operation)
            pending.append((writer, try writer.prepare(part.batches, epoch: leaderEpoch)))
        }
        let commit = try commitBatch(round, parts, pending.map(\.append), operation)
        pending.append((positions, try positions.prepare([commit], epoch: leaderEpoch)))
        for place in pending.indices {
            do throws(DiskError) { try pending[place].writer.write(pending[place].append) } catch {
                undo(pending[...place])
                throw StorageError(operation, error)
            }
        }
        for (writer, append) in pending { writer.commit(append) }
        var hidden = hidden(positionsPartition, positions)
        for (part, writer) in zip(parts, writers) { hidden += self.hidden(part.partition, writer) }
        let ticket = ledger.commit(commitsEnd: positions.logEnd, hidden: hidden)
        remember(round)
        for (writer, _) in pending { writer.publish(ticket) }
        return ticket
    }

    /// What a pass is to make visible.
    private func hidden(_ partition: Partition, _ writer: PartitionWriter) -> [SyncLedger.Hidden] {
        ledger.visibility == .written ? [] : [SyncLedger.Hidden(partition: partition, mark: writer.mark)]
    }

    static let positionsDamage = """
        the committed positions in \(positionsTopic)-0 are damaged, so nobody knows how far the files were read; \
        the log is served, but no pipeline goes on before that is repaired (stop it, and run \
        `penstock log repair --positions keep`, `--positions NAME=beginning` or `--positions NAME=end` on the data \
        directory)
        """

    /// A round's batches must go on in their producer's sequence; anything else is a mistake of the pipeline.
    private static func checkSequence(
        _ part: Round.Part, _ writer: PartitionWriter, _ operation: String
    ) throws(StorageError) {
        var expected: Int32?
        for batch in part.batches {
            let header = batch.header
            guard header.producerId >= PipelineProducer.firstReserved, header.baseSequence >= 0 else {
                throw StorageError(operation, .sequence(.reservedProducer(header.producerId)))
            }
            let next = expected ?? writer.expectedSequence(header)
            guard header.baseSequence == next else {
                throw StorageError(
                    operation,
                    .sequence(.outOfOrder(producer: header.producerId, expected: next, found: header.baseSequence)))
            }
            expected = ProducerTable.following(header.lastSequence)
        }
    }

    /// The batch that makes a round whole: its changed positions, and the commit record last.
    private func commitBatch(
        _ round: Round, _ parts: [Round.Part], _ pending: [PartitionWriter.Pending], _ operation: String
    ) throws(StorageError) -> EncodedBatch {
        let timestamp = pending.reduce(-1) { max($0, $1.maxTimestamp) }
        var records: [Record] = []
        records.reserveCapacity(round.positions.count + 1)
        for update in round.positions {
            var key = ByteWriter(reserving: 64)
            PositionsKey.position(FileKey(pipeline: round.pipeline, update)).encode(into: &key)
            records.append(
                Record(timestamp: timestamp, key: key.bytes, value: update.remove ? nil : update.position.encoded()))
        }
        let record = CommitRecord(
            pipeline: round.pipeline, synced: ledger.commitsSynced,
            ends: zip(parts, pending).map { part, append in
                CommitRecord.End(
                    topic: part.partition.topicID, partition: part.partition.index, end: append.next, crc: append.crc)
            })
        var key = ByteWriter(reserving: 32)
        PositionsKey.commit(pipeline: round.pipeline).encode(into: &key)
        var value = ByteWriter(reserving: 16 + 32 * parts.count)
        record.encodeValue(into: &value)
        records.append(Record(timestamp: timestamp, key: key.bytes, value: value.bytes))
        do throws(RecordError) { return try RecordBatch.encode(records) } catch {
            throw StorageError(operation, .record(error))
        }
    }

    private func remember(_ round: Round) {
        guard !round.positions.isEmpty else { return }
        positionTable.withLock { table in
            for update in round.positions {
                table[FileKey(pipeline: round.pipeline, update)] = update.remove ? nil : update.position
            }
        }
    }

    /// On a full disk no deleted segment waits: what failed is tried again with its room.
    private func makingRoom<Result>(_ body: () throws(StorageError) -> Result) throws(StorageError) -> Result {
        do throws(StorageError) { return try body() } catch {
            guard error.isFull, deletedFiles.count > 0 else { throw error }
            try removeDeletedFiles(now: nil)
            return try body()
        }
    }

    /// Cuts back what was written of an append that failed. If even that fails, all writing stops: the next opening
    /// takes the rest away.
    private func undo(_ written: some Sequence<(writer: PartitionWriter, append: PartitionWriter.Pending)>) {
        for (writer, append) in written {
            do throws(DiskError) { try writer.cutBack(append) } catch {
                stop(
                    reasonToStop(
                        "what a failed append left in \(writer.name) cannot be taken away: \(error)",
                        next: "the next start takes it away"))
            }
        }
    }
}

import Records

/// Index entries and producer snapshots.
extension LogDump {
    /// Entries read in one go.
    private static var entriesAtOnce: Int { 4096 }

    mutating func tellOffsets(_ file: InspectedFile, _ open: any DiskFile, _ size: Int64) throws {
        try tellEntries(file, open, size, OffsetIndex.entrySize) { bytes, count in
            let index = OffsetIndex(bytes: MappedBytes(copying: bytes))
            return (0..<count).map { place in
                let entry = index[place]
                guard entry != OffsetIndex.Entry(relativeOffset: 0, position: 0) else { return nil }
                return (
                    (file.offset ?? 0) + Int64(entry.relativeOffset),
                    InspectedItem(
                        .offset,
                        [
                            InspectedField("offset", (file.offset ?? 0) + Int64(entry.relativeOffset)),
                            InspectedField("position", entry.position),
                        ])
                )
            }
        }
    }

    mutating func tellTimes(_ file: InspectedFile, _ open: any DiskFile, _ size: Int64) throws {
        try tellEntries(file, open, size, TimeIndex.entrySize) { bytes, count in
            let index = TimeIndex(bytes: MappedBytes(copying: bytes))
            return (0..<count).map { place in
                let entry = index[place]
                guard entry != TimeIndex.Entry(timestamp: 0, relativeOffset: 0) else { return nil }
                return (
                    (file.offset ?? 0) + Int64(entry.relativeOffset),
                    InspectedItem(
                        .time,
                        [
                            InspectedField("timestamp", entry.timestamp),
                            InspectedField("offset", (file.offset ?? 0) + Int64(entry.relativeOffset)),
                        ])
                )
            }
        }
    }

    /// - Parameter read: makes items of so many whole entries, with their offsets; nil for an entry of zeros.
    private mutating func tellEntries(
        _ file: InspectedFile, _ open: any DiskFile, _ size: Int64, _ entrySize: Int,
        _ read: ([UInt8], Int) -> [(offset: Offset, item: InspectedItem)?]
    ) throws {
        let whole = size / Int64(entrySize) * Int64(entrySize)
        var position: Int64 = 0
        // Where zeros began that may be room for entries to come.
        var zeros: Int64?
        while position < whole {
            let wanted = Int(min(whole - position, Int64(Self.entriesAtOnce * entrySize)))
            let bytes = try open.readBytes(at: position, count: wanted)
            guard bytes.count == wanted else { break }
            for (place, entry) in read(bytes, bytes.count / entrySize).enumerated() {
                let at = position + Int64(place * entrySize)
                guard let entry else {
                    zeros = zeros ?? at
                    continue
                }
                if let start = zeros {
                    try damage(file.path, start, "\((at - start) / Int64(entrySize)) entries of zeros")
                    zeros = nil
                }
                if entry.offset >= options.from, entry.offset < options.until { try emit(entry.item) }
            }
            position += Int64(wanted)
        }
        if let zeros {
            try emit(
                InspectedItem(
                    .room, [InspectedField("position", zeros), InspectedField("bytes", whole - zeros)]))
        }
        if whole < size { try damage(file.path, whole, "\(size - whole) bytes, no whole entry of \(entrySize)") }
    }

    mutating func tellAborted(_ file: InspectedFile, _ open: any DiskFile, _ size: Int64) throws {
        var position: Int64 = 0
        var last: Offset = -1
        var window: ArraySlice<UInt8> = []
        while position < size {
            if window.isEmpty {
                window = try open.readBytes(at: position, count: Self.entriesAtOnce * TransactionIndex.entrySize)[...]
            }
            let bytes = window.prefix(TransactionIndex.entrySize)
            window = window.dropFirst(TransactionIndex.entrySize)
            switch Result(catching: { () throws(RecordError) in
                try TransactionIndex.decode(bytes, after: last)
            }) {
            case .failure(let error): try damage(file.path, position, "\(error)")
            case .success(let entries):
                for entry in entries {
                    last = entry.lastOffset
                    guard last >= options.from, entry.firstOffset < options.until else { continue }
                    try emit(InspectedItem(.aborted, entry.inspected))
                }
            }
            position += Int64(TransactionIndex.entrySize)
        }
    }

    mutating func tellSnapshot(_ file: InspectedFile, _ open: any DiskFile, _ size: Int64) throws {
        guard size <= options.batchLimit else {
            return try damage(
                file.path, nil, "\(size) bytes are more than \(options.batchLimit); --batch-limit allows more")
        }
        let bytes = try open.readBytes(at: 0, count: Int(size))
        let table: ProducerTable
        do throws(RecordError) {
            table = try ProducerSnapshot.decode(bytes, upTo: file.offset ?? .max, limit: .max)
        } catch {
            return try damage(file.path, nil, "\(error)")
        }
        for (id, entry) in table.entries.sorted(by: { $0.key < $1.key }) {
            let last = entry.batches.last
            try emit(
                InspectedItem(
                    .producer,
                    [
                        InspectedField("producer_id", id), InspectedField("producer_epoch", entry.epoch),
                        InspectedField("last_sequence", last?.lastSequence ?? -1),
                        InspectedField("last_offset", entry.lastOffset),
                        InspectedField("first_offset", last?.baseOffset ?? -1),
                        InspectedField("timestamp", entry.timestamp),
                        InspectedField("coordinator_epoch", entry.coordinatorEpoch),
                        InspectedField("transaction_start", entry.transactionStart ?? -1),
                    ]))
        }
    }
}

extension AbortedTransaction {
    fileprivate var inspected: [InspectedField] {
        [
            InspectedField("producer_id", producerId), InspectedField("first_offset", firstOffset),
            InspectedField("last_offset", lastOffset), InspectedField("last_stable_offset", lastStable),
        ]
    }
}

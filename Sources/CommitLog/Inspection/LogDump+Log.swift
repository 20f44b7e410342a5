import Records

/// Batches and records.
extension LogDump {
    mutating func tellLog(_ file: InspectedFile, _ open: any DiskFile, _ size: Int64) throws {
        var scanner = BatchScanner(open, to: size, checksCRC: true)
        while true {
            switch try scanner.next() {
            case .end: return
            case .batch(let batch):
                guard batch.baseOffset < options.until else { return }
                guard batch.lastOffset >= options.from else { continue }
                try tell(batch, file, open)
            case .bad(let reason):
                try damage(file.path, scanner.position, reason)
                guard let next = try Resumption.next(in: open, behind: scanner.position, end: size) else { return }
                scanner = BatchScanner(open, from: next, to: size, checksCRC: true)
            }
        }
    }

    private mutating func tell(_ batch: ScannedBatch, _ file: InspectedFile, _ open: any DiskFile) throws {
        try emit(InspectedItem(.batch, batch.inspected))
        guard options.records else { return }
        guard batch.size <= options.batchLimit else {
            let reason =
                "its records are not told: \(batch.size) bytes are more than \(options.batchLimit); --batch-limit allows more"
            return try damage(file.path, batch.position, reason)
        }
        let bytes = try open.readBytes(at: batch.position, count: batch.size)
        let records: [Record]
        do throws(RecordError) {
            records =
                batch.message == nil
                ? try RecordBatch.decode(bytes.rawSpan, limit: options.batchLimit).1
                : try MessageSet.decode(bytes.rawSpan, limit: options.batchLimit).records
        } catch {
            return try damage(file.path, batch.position, "\(error)")
        }
        try tell(records, of: batch, file)
    }

    private mutating func tell(_ records: [Record], of batch: ScannedBatch, _ file: InspectedFile) throws {
        for record in records where record.offset >= options.from && record.offset < options.until {
            var fields = [
                InspectedField("offset", record.offset), InspectedField("timestamp", record.timestamp),
                InspectedField("key", record.key), InspectedField("value", record.value),
            ]
            if !record.headers.isEmpty {
                let headers = record.headers.map { header in
                    InspectedValue.fields([
                        InspectedField("name", header.name), InspectedField("value", header.value),
                    ])
                }
                fields.append(InspectedField("headers", .list(headers)))
            }
            if let marker = batch.marker {
                fields.append(InspectedField("marker", marker.outcome == .abort ? "abort" : "commit"))
                fields.append(InspectedField("coordinator_epoch", marker.coordinatorEpoch))
            }
            var complaint: String?
            if let topic = file.partition?.topic, batch.header?.isControl != true {
                do throws(RecordError) {
                    let meaning = try record.meaning(in: topic) ?? decode(topic, record)
                    if let meaning { fields.append(InspectedField("means", .fields(meaning))) }
                } catch {
                    complaint = "the record at offset \(record.offset): \(error)"
                }
            }
            try emit(InspectedItem(.record, fields))
            if let complaint { try damage(file.path, batch.position, complaint) }
        }
    }
}

extension ScannedBatch {
    /// Everything that its head says.
    var inspected: [InspectedField] {
        var fields = [
            InspectedField("position", position), InspectedField("bytes", size),
        ]
        if let header { fields += header.inspected }
        if let message { fields += message.inspected }
        return fields
    }
}

extension BatchHeader {
    fileprivate var inspected: [InspectedField] {
        var fields = [
            InspectedField("magic", magic), InspectedField("base_offset", baseOffset),
            InspectedField("last_offset", lastOffset), InspectedField("records", recordsCount),
            InspectedField("leader_epoch", partitionLeaderEpoch), InspectedField("crc", hexadecimal: crc),
            InspectedField("codec", codec.name), InspectedField("timestamp_type", timestampType.inspected),
            InspectedField("base_timestamp", baseTimestamp), InspectedField("max_timestamp", maxTimestamp),
        ]
        if hasProducer {
            fields += [
                InspectedField("producer_id", producerId), InspectedField("producer_epoch", producerEpoch),
                InspectedField("base_sequence", baseSequence), InspectedField("last_sequence", lastSequence),
            ]
        }
        if isTransactional { fields.append(InspectedField("transactional", true)) }
        if isControl { fields.append(InspectedField("control", true)) }
        if attributes.contains(.deleteHorizon) { fields.append(InspectedField("delete_horizon", baseTimestamp)) }
        return fields
    }
}

extension MessageHeader {
    fileprivate var inspected: [InspectedField] {
        var fields = [
            InspectedField("magic", magic), InspectedField("last_offset", offset),
            InspectedField("crc", hexadecimal: crc), InspectedField("codec", codec.name),
        ]
        if magic == 1 {
            fields += [
                InspectedField("timestamp_type", timestampType.inspected), InspectedField("max_timestamp", timestamp),
            ]
        }
        return fields
    }
}

extension TimestampType {
    fileprivate var inspected: String {
        switch self {
        case .createTime: "create"
        case .logAppendTime: "append"
        }
    }
}

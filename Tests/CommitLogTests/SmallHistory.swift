import CommitLog
import TestSupport

/// The small history that fault, tear and death tests walk through: everything a data directory does, once or twice.
enum SmallHistory {
    /// Segments of two or three batches.
    static var options: LogOptions {
        var options = HistoryRun.small
        options.topicDefaults.segmentBytes = 400
        options.topicDefaults.indexIntervalBytes = 100
        options.checkpointBytes = 600
        return options
    }

    static func both(_ pipeline: String, _ value: String) -> HistoryStep {
        .round(
            pipeline: pipeline,
            parts: (0..<2).map { HistoryStep.Part(topic: "t", partition: $0, batches: [["\(value)\($0)"]]) })
    }

    /// Creation, rounds, appends of clients, rolls, syncs, checkpoints, retention, a deletion.
    static let beginning: [HistoryStep] = [
        .create(topic: "t", partitions: 2),
        .create(topic: "capped", partitions: 1, configuration: ["retention.bytes": "500"]),
        both("p", "a"),
        .append(topic: "capped", partition: 0, values: ["c1", "c2"]),
        .sync,
        .append(topic: "capped", partition: 0, values: ["c3", String(repeating: "c", count: 200)]),
        .append(topic: "capped", partition: 0, values: ["c4", String(repeating: "c", count: 200)]),
        both("q", "b"),
        .sync,
        .append(topic: "capped", partition: 0, values: ["c5", String(repeating: "c", count: 200)]),
        .retention,
        .create(topic: "gone", partitions: 1),
        .round(
            pipeline: "p",
            parts: [
                HistoryStep.Part(topic: "gone", partition: 0, batches: [["g"]]),
                HistoryStep.Part(topic: "t", partition: 1, batches: [["h1"], ["h2"]]),
            ]),
        .delete(topic: "gone"),
        both("p", "d"),
        .sync,
    ]

    /// After a clean stop and a start; the last of it is not synced.
    static let end: [HistoryStep] = [
        both("p", "e"),
        .append(topic: "t", partition: 0, values: ["f"]),
        .sync,
        both("q", "i"),
        .append(topic: "capped", partition: 0, values: ["c6"]),
        both("p", "j"),
    ]

    /// Goes through all of it, as far as the process gets.
    /// - Returns: what is wrong, nil if nothing.
    static func walk(_ run: inout HistoryRun) throws -> String? {
        guard open(&run) else { return nil }
        for step in beginning where run.isGoing { try run.apply(step) }
        if run.memory.isDead { return nil }
        run.close()
        if run.memory.isDead { return nil }
        // Faults to come are still to come.
        run.memory.endProcessKeepingFaults()
        run.directory = nil
        guard open(&run), let directory = run.directory else { return nil }
        run.steps.append("opened: \(directory.recovery)")
        // What the first process left half done is settled now.
        if let problem = try settle(&run, directory) { return problem }
        if run.memory.isDead { return nil }
        for step in end where run.isGoing { try run.apply(step) }
        return nil
    }

    /// The fault to come may meet a read: then it is made again.
    private static func settle(_ run: inout HistoryRun, _ directory: DataDirectory) throws -> String? {
        // What cannot be read now is reported, and must be there at the next opening.
        if !directory.recovery.offline.isEmpty { return nil }
        let before = run.model
        do { return try run.model.check(directory, powerLost: false) } catch {
            run.steps.append("not read: \(error)")
            run.model = before
            return run.memory.isDead ? nil : try run.model.check(directory, powerLost: false)
        }
    }

    /// An opening that a fault spoils is made again, as an operator would.
    private static func open(_ run: inout HistoryRun) -> Bool {
        for _ in 0..<2 {
            do {
                try run.open()
                return true
            } catch {
                run.steps.append("not opened: \(error)")
                if run.memory.isDead { return false }
                run.memory.endProcessKeepingFaults()
            }
        }
        return false
    }
}

package import Records

/// What an opening found and did: for the log line at start.
package struct RecoveryReport: Hashable, Sendable, CustomStringConvertible {
    /// The marker of a clean stop was there.
    package var wasClean = true
    package var isNew = false
    package var partitions = 0
    /// Bytes of records that were read from the recovery points on, and of headers walked over below them where something
    /// beside the log was missing: 0 after a clean stop.
    package var scannedBytes: Int64 = 0
    /// Rounds without a whole commit record, or whose batches are not all there: none of their records is kept.
    package var roundsRolledBack = 0
    package var cuts: [Cut] = []
    package var damage: [Damage] = []
    /// Topics that were found in the directory and are new.
    package var adopted: [String] = []
    /// Segments' files that somebody had given wrong names, and that have their own again.
    package var renamed: [String] = []
    /// What is served to nobody or was passed over, and why.
    package var ignored: [String] = []
    /// Partitions that can be neither read nor written, and why.
    package var offline: [Offline] = []
    /// The committed positions cannot be trusted: rounds are refused.
    package var positionsDamaged = false

    /// The end of a partition that was taken away: it was never acknowledged as durable.
    package struct Cut: Hashable, Sendable {
        package var partition: String
        /// The partition ends here now.
        package var offset: Offset
        package var bytes: Int64
        package var reason: String
        /// Where a copy is; nil if the disk had no room for one.
        package var copy: String?
    }

    /// Records that were durable once and cannot be read any more.
    package struct Damage: Hashable, Sendable {
        package var partition: String
        /// These offsets hold nothing now; empty if nobody knows which were lost of an old message set.
        package var offsets: Range<Offset>
        package var reason: String
        package var copy: String?
    }

    package struct Offline: Hashable, Sendable {
        package var partition: String
        package var reason: String
    }

    package init() {}

    package var description: String { ([summary] + troubles).joined(separator: "; ") }

    /// What was found where all is well.
    package var summary: String {
        if isNew { return "new data directory" }
        var parts = [
            "\(wasClean ? "stopped cleanly" : "not stopped cleanly"), \(partitions) partitions, \(scannedBytes) bytes read"
        ]
        if roundsRolledBack > 0 { parts.append("\(roundsRolledBack) unfinished rounds rolled back") }
        for topic in adopted { parts.append("topic \(topic) was adopted") }
        return parts.joined(separator: "; ")
    }

    /// What somebody should know of: a sentence each.
    package var troubles: [String] {
        var parts: [String] = []
        for cut in cuts {
            parts.append(
                "\(cut.partition): \(cut.bytes) bytes cut at offset \(cut.offset) (\(cut.reason)), "
                    + (cut.copy.map { "a copy is in \($0)" } ?? "no room for a copy"))
        }
        for loss in damage {
            let place =
                loss.offsets.isEmpty
                ? "bytes before offset \(loss.offsets.upperBound)"
                : "offsets \(loss.offsets.lowerBound) to \(loss.offsets.upperBound - 1)"
            parts.append(
                "\(loss.partition): \(place) are damaged (\(loss.reason)), "
                    + (loss.copy.map { "what is left is in \($0)" } ?? "nothing is left of them"))
        }
        parts += renamed
        for partition in offline { parts.append("\(partition.partition) is offline: \(partition.reason)") }
        for directory in ignored { parts.append("ignored \(directory)") }
        if positionsDamaged { parts.append(DataDirectory.positionsDamage) }
        return parts
    }
}

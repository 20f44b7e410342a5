import Records

/// How Penstock's own topics are configured. They are compacted, in small segments: an opening reads them from the
/// beginning, so it reads little more than what counts.
enum OwnTopics {
    /// In Kafka's names, as clients are shown it.
    static func configuration(_ name: String) -> [String: String] {
        // The registry grows by a record for each change of a topic; the positions by one for each round.
        let segment = name == DataDirectory.registryTopic ? 1 << 20 : 4 << 20
        return ["cleanup.policy": "compact", "segment.bytes": "\(segment)"]
    }

    static func settings(_ name: String) -> TopicSettings {
        do throws(SettingError) { return try TopicSettings(configuration(name)) } catch {
            preconditionFailure("our own configuration cannot be read: \(error)")
        }
    }
}

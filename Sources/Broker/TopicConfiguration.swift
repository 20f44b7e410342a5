import CommitLog
import KafkaProtocol

/// What clients may say of a topic, and how it is told. ``TopicSetting/all`` is the table of names.
enum TopicConfiguration {
    /// Narrower than what a log can work with, for those who configure topics: tiny segments are a file and a descriptor
    /// for every few records (Kafka 4's least is the same), and a batch is held in memory as a whole.
    private static let bounds: [(name: String, range: ClosedRange<Int>, value: @Sendable (TopicSettings) -> Int)] = [
        ("segment.bytes", 1 << 20...Int(Int32.max), { Int($0.segmentBytes) }),
        ("max.message.bytes", 0...100 << 20, { Int($0.maxMessageBytes) }),
    ]

    /// Throws INVALID_CONFIG for a name that Kafka does not have, or a value that cannot be meant.
    static func check(_ configuration: [String: String]) throws(TopicFailure) {
        for name in configuration.keys.sorted() where TopicSetting.named(name) == nil {
            throw TopicFailure(
                code: .invalidConfig, message: "there is no topic configuration \(TopicName.cut(name))")
        }
        let settings: TopicSettings
        do throws(SettingError) { settings = try TopicSettings(configuration) } catch {
            throw TopicFailure(code: .invalidConfig, message: "\(error)")
        }
        for (name, range, value) in bounds where configuration[name] != nil && !range.contains(value(settings)) {
            throw TopicFailure(
                code: .invalidConfig,
                message:
                    "\(name): \(value(settings)) is out of bounds, it is \(range.lowerBound) to \(range.upperBound)")
        }
    }

    /// As CreateTopics answers a new topic's configuration.
    static func created(
        _ configuration: [String: String], defaults: TopicSettings
    ) -> [CreateTopicsResponse.Configs] {
        TopicSetting.all.map { setting in
            let value = Value(of: setting, configuration, defaults)
            var answer = CreateTopicsResponse.Configs()
            answer.name = setting.name
            answer.value = value.text
            answer.configSource = value.source.rawValue
            return answer
        }
    }

    /// Where a value comes from, in Kafka's numbers.
    enum Source: Int8 { case topic = 1, staticBroker = 4, standard = 5 }

    /// What a setting is for one topic, and who said so.
    struct Value {
        let text: String
        let source: Source

        /// - Parameter defaults: what the broker gives topics that do not say otherwise.
        init(of setting: TopicSetting, _ configuration: [String: String], _ defaults: TopicSettings) {
            let given = setting.text(in: defaults)
            if let own = configuration[setting.name] {
                (text, source) = (own, .topic)
            } else {
                (text, source) = (given, given == setting.text(in: TopicSettings()) ? .standard : .staticBroker)
            }
        }
    }
}

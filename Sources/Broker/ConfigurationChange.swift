import CommitLog
import KafkaProtocol

/// A change of one setting, as IncrementalAlterConfigs names it.
struct ConfigurationChange {
    var name: String
    var operation: Operation
    /// nil only for `delete`.
    var value: String

    /// Kafka's numbers.
    enum Operation: Int8 {
        case set = 0
        /// The default counts again.
        case delete = 1
        /// Adds to a list what it does not have.
        case append = 2
        /// Takes from a list what it has.
        case subtract = 3
    }

    init(_ config: IncrementalAlterConfigsRequest.Configs) throws(TopicFailure) {
        let shown = TopicName.cut(config.name)
        guard let operation = Operation(rawValue: config.configOperation) else {
            throw TopicFailure(
                code: .invalidRequest, message: "\(shown): there is no operation \(config.configOperation)")
        }
        guard config.value != nil || operation == .delete else {
            throw TopicFailure(code: .invalidRequest, message: "\(shown): null is no value")
        }
        (name, self.operation, value) = (config.name, operation, config.value ?? "")
    }

    /// - Parameter defaults: what a list that the topic does not set begins from.
    func apply(to configuration: inout [String: String], defaults: TopicSettings) throws(TopicFailure) {
        switch operation {
        case .set: configuration[name] = value
        case .delete: configuration[name] = nil
        case .append, .subtract:
            guard let setting = TopicSetting.named(name), setting.kind == .list else {
                throw TopicFailure(
                    code: .invalidConfig,
                    message: "\(TopicName.cut(name)) is no list: values cannot be appended to it or subtracted from it")
            }
            var values = TopicSetting.values(of: configuration[name] ?? setting.text(in: defaults))
            let more = TopicSetting.values(of: value)
            if operation == .append {
                for new in more where !values.contains(new) { values.append(new) }
            } else {
                values.removeAll { more.contains($0) }
            }
            configuration[name] = values.joined(separator: ",")
        }
    }
}

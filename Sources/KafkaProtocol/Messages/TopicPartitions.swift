/// Partitions of one topic, as most messages list them: numbers, or a struct about each.
package struct TopicPartitions<Partition: WireValue & Equatable>: WireStruct, Equatable {
    package var name = ""
    package var partitions: [Partition] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&name)
        try fields.walk(&partitions)
    }
}

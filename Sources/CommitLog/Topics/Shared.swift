/// A value that many have and nobody changes, once in memory: what the partitions of one topic go by.
@dynamicMemberLookup
package final class Shared<Value: Sendable>: Sendable {
    package let value: Value

    package init(_ value: Value) { self.value = value }

    package subscript<Part>(dynamicMember path: KeyPath<Value, Part>) -> Part { value[keyPath: path] }
}

import CYAML
import Glibc

/// libyaml's events with their places. The one place that touches the C parser.
@safe
final class YAMLEvents {
    struct Event {
        var place: Place
        var kind: Kind
    }

    enum Kind {
        case streamStart, streamEnd, documentStart, documentEnd, listEnd, mapEnd
        case scalar(String, plain: Bool, tagged: Bool)
        case listStart(tagged: Bool)
        case mapStart(tagged: Bool)
        case alias(String)
    }

    struct Problem: Error {
        var place: Place
        var message: String
    }

    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeMutablePointer<UInt8>

    /// - Parameter bytes: UTF-8, copied.
    init(_ bytes: [UInt8]) {
        // Safety: both are freed only in `deinit`; the parser never outlives the bytes it reads.
        unsafe parser = .allocate(capacity: 1)
        unsafe parser.initialize(to: yaml_parser_t())
        unsafe input = .allocate(capacity: max(1, bytes.count))
        for (index, byte) in bytes.enumerated() { unsafe input[index] = byte }
        precondition(unsafe yaml_parser_initialize(parser) == 1, "out of memory")
        unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        unsafe yaml_parser_set_input_string(parser, input, bytes.count)
    }

    deinit {
        // Safety: both were allocated in `init`.
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
        unsafe input.deallocate()
    }

    /// Do not call it again after ``Kind/streamEnd`` or an error.
    func next() throws(Problem) -> Event {
        var event = unsafe yaml_event_t()
        // Safety: the parser was initialised, and `event` is ours until it is deleted below.
        guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw problem() }
        defer { unsafe yaml_event_delete(&event) }
        return Event(place: unsafe place(event.start_mark), kind: unsafe kind(of: event))
    }

    private func place(_ mark: yaml_mark_t) -> Place { Place(line: mark.line + 1, column: mark.column + 1) }

    private func kind(of event: yaml_event_t) -> Kind {
        // Safety: libyaml fills the member of the union that belongs to the type.
        switch unsafe event.type {
        case YAML_STREAM_START_EVENT, YAML_NO_EVENT: return .streamStart
        case YAML_STREAM_END_EVENT: return .streamEnd
        case YAML_DOCUMENT_START_EVENT: return .documentStart
        case YAML_DOCUMENT_END_EVENT: return .documentEnd
        case YAML_SEQUENCE_END_EVENT: return .listEnd
        case YAML_MAPPING_END_EVENT: return .mapEnd
        case YAML_SEQUENCE_START_EVENT: return .listStart(tagged: unsafe event.data.sequence_start.tag != nil)
        case YAML_MAPPING_START_EVENT: return .mapStart(tagged: unsafe event.data.mapping_start.tag != nil)
        case YAML_ALIAS_EVENT:
            let anchor = unsafe event.data.alias.anchor
            return .alias(unsafe anchor.map { unsafe text($0, strlen($0)) } ?? "")
        default:
            let scalar = unsafe event.data.scalar
            let value = unsafe scalar.value.map { unsafe text($0, scalar.length) } ?? ""
            let plain = unsafe scalar.style == YAML_PLAIN_SCALAR_STYLE
            return unsafe .scalar(value, plain: plain, tagged: scalar.tag != nil)
        }
    }

    private func text(_ start: UnsafeMutablePointer<UInt8>, _ count: Int) -> String {
        // Safety: libyaml's strings hold `count` bytes; invalid UTF-8 would be repaired, not trusted.
        unsafe String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    private func problem() -> Problem {
        // Safety: after a failed call these fields describe the error; the strings are constants of libyaml.
        let message = unsafe parser.pointee.problem.map { unsafe String(cString: $0) } ?? "this is not YAML"
        let context = unsafe parser.pointee.context.map { unsafe " \(String(cString: $0))" } ?? ""
        return unsafe Problem(place: place(parser.pointee.problem_mark), message: message + context)
    }
}

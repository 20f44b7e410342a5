import Foundation
import KafkaProtocol
import Records

/// Says where a message differs from a decoded form that another implementation gave as JSON.
///
/// A field that the JSON does not have must have its default; `hex:` strings are bytes. Names differ in case only.
func differences(_ value: Any, _ json: Any, path: String = "") -> [String] {
    switch json {
    case let object as [String: Any]:
        return Mirror(reflecting: unwrapped(value)).children.flatMap { child -> [String] in
            let label = child.label ?? ""
            guard let (_, other) = object.first(where: { $0.key.lowercased() == label.lowercased() }) else { return [] }
            return differences(child.value, other, path: path + "." + label)
        }
    case let array as [Any]:
        let elements = Mirror(reflecting: unwrapped(value)).children.map(\.value)
        guard elements.count == array.count else { return ["\(path): \(elements.count) of \(array.count) elements"] }
        return zip(elements, array).enumerated().flatMap { index, pair in
            differences(pair.0, pair.1, path: "\(path)[\(index)]")
        }
    default:
        let (ours, theirs) = (shown(value), shown(json))
        return ours == theirs ? [] : ["\(path): \(ours), not \(theirs)"]
    }
}

private func unwrapped(_ value: Any) -> Any {
    let mirror = Mirror(reflecting: value)
    guard mirror.displayStyle == .optional, let inner = mirror.children.first?.value else { return value }
    return inner
}

private func shown(_ value: Any) -> String {
    switch unwrapped(value) {
    case let code as ErrorCode: return "\(code.rawValue)"
    case let bytes as [UInt8]: return "hex:" + hex(bytes)
    case let bytes as ArraySlice<UInt8>: return "hex:" + hex(bytes)
    case let pieces as [OutputPiece]:
        return "hex:" + pieces.map { if case .bytes(let b) = $0 { hex(b) } else { "?" } }.joined()
    case let id as TopicID: return id == .zero ? "null" : uuid(id)
    case is NSNull: return "null"
    case let text as String: return text == uuid(.zero) ? "null" : text
    case let flag as Bool: return flag ? "1" : "0"
    case let number as NSNumber: return number.stringValue
    case let other: return Mirror(reflecting: other).displayStyle == .optional ? "null" : "\(other)"
    }
}

private func uuid(_ id: TopicID) -> String {
    var text = [id.high, id.low].map { half in
        let digits = String(half, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
    for index in [20, 16, 12, 8] { text.insert("-", at: text.index(text.startIndex, offsetBy: index)) }
    return text
}

/// Puts variables of the environment into texts: `${NAME}`, `${NAME:-default}`; `$${` stands for `${`.
struct Variables {
    let environment: (String) -> String?
    /// Bytes that may still come out, all texts together.
    private(set) var room: Int

    init(environment: @escaping (String) -> String?, room: Int) {
        self.environment = environment
        self.room = room
    }

    mutating func expand(_ text: String) throws(ScalarProblem) -> String {
        var result = ""
        var rest = text.utf8[...]
        while let dollar = rest.firstIndex(of: UInt8(ascii: "$")) {
            result += String(rest[..<dollar]) ?? ""
            rest = rest[dollar...]
            if rest.starts(with: "$${".utf8) {
                result += "${"
                rest = rest.dropFirst(3)
            } else if rest.starts(with: "${".utf8) {
                result += try value(&rest)
            } else {
                result += "$"
                rest = rest.dropFirst()
            }
            guard result.utf8.count <= room else { throw tooLong }
        }
        result += String(rest) ?? ""
        guard result.utf8.count <= room else { throw tooLong }
        room -= result.utf8.count
        return result
    }

    private var tooLong: ScalarProblem {
        ScalarProblem("expected less text, found too much after variables were put in")
    }

    /// Takes `${…}` from the front of `rest`.
    private func value(_ rest: inout Substring.UTF8View) throws(ScalarProblem) -> String {
        guard let end = rest.firstIndex(of: UInt8(ascii: "}")) else {
            throw ScalarProblem("expected '}' after '${', found none; write $${ for a literal ${")
        }
        let inside = String(rest[rest.index(rest.startIndex, offsetBy: 2)..<end]) ?? ""
        rest = rest[rest.index(after: end)...]
        let name = String(inside.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") })
        let tail = inside.dropFirst(name.count)
        guard !name.isEmpty, name.first?.isNumber == false, tail.isEmpty || tail.hasPrefix(":-") else {
            let shown = "${\(inside)}".quoted
            throw ScalarProblem("expected ${NAME} or ${NAME:-default}, found \(shown); write $${ for a literal ${")
        }
        if let value = environment(name) { return value }
        if !tail.isEmpty { return String(tail.dropFirst(2)) }
        let hint = "${\(name):-default} gives it a default"
        throw ScalarProblem("expected the environment variable \(name) to be set, found it unset; \(hint)")
    }
}

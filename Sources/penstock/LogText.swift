extension String {
    /// With every control character (C0, DEL, C1) and line separator written out, as `\n` or `\x1b`: text from clients
    /// must not steer a terminal or begin a line of its own.
    var withControlsEscaped: String {
        guard unicodeScalars.contains(where: Self.isEscaped) else { return self }
        var escaped = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            switch scalar {
            case "\n": escaped.append(contentsOf: "\\n".unicodeScalars)
            case "\r": escaped.append(contentsOf: "\\r".unicodeScalars)
            case "\t": escaped.append(contentsOf: "\\t".unicodeScalars)
            case _ where Self.isEscaped(scalar):
                let digits = String(scalar.value, radix: 16)
                let text = scalar.value > 0xff ? "\\u\(digits)" : "\\x\(digits.count < 2 ? "0" : "")\(digits)"
                escaped.append(contentsOf: text.unicodeScalars)
            default: escaped.append(scalar)
            }
        }
        return String(escaped)
    }

    private static func isEscaped(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7f..<0xa0, 0x2028, 0x2029: true
        default: false
        }
    }
}
